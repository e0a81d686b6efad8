"""What files hold whatever their format: csv, workbooks, typed files, XML, PDF and Word."""
