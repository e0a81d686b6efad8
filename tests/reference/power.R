# 264 cases of planning.mdes, power and sample_size in R 4.2.2: Rscript power.R > power.json
# Formulas: Dong and Maynard (2013), tables of each design, written out one by one; IRA_pn from the
# variances of the two arms' means. Power: power.t.test, else the noncentral t of R. Numbers of
# units: counted up one by one.
suppressMessages(library(jsonlite))
set.seed(2013)
formulas <- list(
  IRA = function(a) with(a, c((1 - r2_1) / (p * (1 - p) * n), n - g - 2)),
  BIRA2_constant = function(a) with(a, c((1 - r2_1) / (p * (1 - p) * n * J), J * (n - 1) - g - 1)),
  BIRA2_fixed = function(a) with(a, c((1 - r2_1) / (p * (1 - p) * n * J), J * (n - 2) - g)),
  BIRA2_random = function(a) with(a, c(
    rho2 * omega2 * (1 - r2t2) / J + (1 - rho2) * (1 - r2_1) / (p * (1 - p) * J * n), J - g - 1)),
  BIRA3_random = function(a) with(a, c(
    rho3 * omega3 * (1 - r2t3) / K + rho2 * omega2 * (1 - r2t2) / (J * K) +
      (1 - rho2 - rho3) * (1 - r2_1) / (p * (1 - p) * J * K * n), K - g - 1)),
  BIRA4_random = function(a) with(a, c(
    rho4 * omega4 * (1 - r2t4) / L + rho3 * omega3 * (1 - r2t3) / (K * L) +
      rho2 * omega2 * (1 - r2t2) / (J * K * L) +
      (1 - rho2 - rho3 - rho4) * (1 - r2_1) / (p * (1 - p) * J * K * L * n), L - g - 1)),
  CRA2 = function(a) with(a, c(
    rho2 * (1 - r2_2) / (p * (1 - p) * J) + (1 - rho2) * (1 - r2_1) / (p * (1 - p) * J * n),
    J - g - 2)),
  CRA3 = function(a) with(a, c(
    rho3 * (1 - r2_3) / (p * (1 - p) * K) + rho2 * (1 - r2_2) / (p * (1 - p) * J * K) +
      (1 - rho2 - rho3) * (1 - r2_1) / (p * (1 - p) * J * K * n), K - g - 2)),
  CRA4 = function(a) with(a, c(
    rho4 * (1 - r2_4) / (p * (1 - p) * L) + rho3 * (1 - r2_3) / (p * (1 - p) * K * L) +
      rho2 * (1 - r2_2) / (p * (1 - p) * J * K * L) +
      (1 - rho2 - rho3 - rho4) * (1 - r2_1) / (p * (1 - p) * J * K * L * n), L - g - 2)),
  BCRA3_fixed = function(a) with(a, c(
    rho2 * (1 - r2_2) / (p * (1 - p) * J * K) +
      (1 - rho2) * (1 - r2_1) / (p * (1 - p) * J * K * n), K * (J - 2) - g)),
  BCRA3_random = function(a) with(a, c(
    rho3 * omega3 * (1 - r2t3) / K + rho2 * (1 - r2_2) / (p * (1 - p) * J * K) +
      (1 - rho2 - rho3) * (1 - r2_1) / (p * (1 - p) * J * K * n), K - g - 1)),
  BCRA4_fixed = function(a) with(a, c(
    rho3 * (1 - r2_3) / (p * (1 - p) * K * L) + rho2 * (1 - r2_2) / (p * (1 - p) * J * K * L) +
      (1 - rho2 - rho3) * (1 - r2_1) / (p * (1 - p) * J * K * L * n), L * (K - 2) - g)),
  BCRA4_random_2 = function(a) with(a, c(
    rho4 * omega4 * (1 - r2t4) / L + rho3 * omega3 * (1 - r2t3) / (K * L) +
      rho2 * (1 - r2_2) / (p * (1 - p) * J * K * L) +
      (1 - rho2 - rho3 - rho4) * (1 - r2_1) / (p * (1 - p) * J * K * L * n), L - g - 1)),
  BCRA4_random = function(a) with(a, c(
    rho4 * omega4 * (1 - r2t4) / L + rho3 * (1 - r2_3) / (p * (1 - p) * K * L) +
      rho2 * (1 - r2_2) / (p * (1 - p) * J * K * L) +
      (1 - rho2 - rho3 - rho4) * (1 - r2_1) / (p * (1 - p) * J * K * L * n), L - g - 1)),
  IRA_pn = function(a) with(a, {
    m <- ic_size
    taught <- n * p / m # groups of m pupils, whose means vary by their own and their pupils' part
    one <- (rho_ic / (1 - rho_ic) + 1 / m) / taught
    other <- 1 / (n * (1 - p))
    c((1 - r2_1) * (one + other),
      (one + other)^2 / (one^2 / (taught - 1) + other^2 / (n * (1 - p) - 1)))
  })
)
wanted <- list(
  IRA = "n", BIRA2_constant = "nJ", BIRA2_fixed = "nJ", BIRA2_random = "nJ2", BIRA3_random = "nJK23",
  BIRA4_random = "nJKL234", CRA2 = "nJ2", CRA3 = "nJK23", CRA4 = "nJKL234", BCRA3_fixed = "nJK2",
  BCRA3_random = "nJK23", BCRA4_fixed = "nJKL23", BCRA4_random_2 = "nJKL234",
  BCRA4_random = "nJKL234", IRA_pn = "n"
)
drawn <- function(design) { # arguments at random, those that the design's formula names
  used <- all.names(body(formulas[[design]]))
  a <- list(p = round(runif(1, 0.25, 0.75), 2), r2_1 = round(runif(1, 0, 0.8), 2))
  if ("g" %in% used) a$g <- sample(0:3, 1)
  a$n <- if (grepl("IRA", design) && !grepl("BIRA", design)) sample(60:900, 1) else sample(6:40, 1)
  for (size in c("J", "K", "L")) if (size %in% used) a[[size]] <- sample(6:30, 1)
  for (at in 2:4) {
    named <- paste0(c("rho", "omega", "r2_", "r2t"), at)
    if (named[1] %in% used) a[[named[1]]] <- round(runif(1, 0.01, 0.25), 3)
    for (name in named[-1]) if (name %in% used) a[[name]] <- round(runif(1, 0, 0.9), 2)
  }
  if (design == "IRA_pn") {
    a$ic_size <- sample(2:12, 1)
    a$rho_ic <- round(runif(1, 0.01, 0.3), 2)
  }
  a
}
chance <- function(es, se, df, alpha, two) { # of a t test that looks at both sides, or at one
  critical <- qt(1 - alpha / (1 + two), df)
  upper <- pt(critical, df, ncp = es / se, lower.tail = FALSE)
  upper + if (two) pt(-critical, df, ncp = es / se) else 0
}
cases <- list()
add <- function(...) cases[[length(cases) + 1]] <<- list(...)
for (design in names(formulas)) for (time in 1:12) {
  a <- drawn(design)
  test <- list(alpha = sample(c(0.05, 0.1, 0.01), 1), power = sample(c(0.8, 0.9, 0.7), 1),
               two_tailed = runif(1) < 0.8)
  found <- formulas[[design]](a)
  se <- sqrt(found[1])
  df <- found[2]
  tail <- test$alpha / (1 + test$two_tailed)
  es <- round(runif(1, 0.05, 0.6), 2)
  add(ask = "mdes", design = design, given = a, test = test, es = es, se = se, df = df,
      mdes = (qt(1 - tail, df) + qt(test$power, df)) * se,
      chance = chance(es, se, df, test$alpha, test$two_tailed))
}
for (n in c(8, 20, 55, 130, 400)) for (es in c(0.15, 0.3, 0.7)) { # R's own test of two groups
  for (alpha in c(0.05, 0.01)) {
    made <- power.t.test(n, delta = es, sig.level = alpha, strict = TRUE)
    add(ask = "power", design = "IRA", given = list(n = 2 * n), es = es,
        test = list(alpha = alpha), chance = made$power)
  }
}
least <- function(design, a, size, es) { # counted up until the smallest effect is small enough
  for (number in 1:100000) {
    a[[size]] <- number
    found <- suppressWarnings(formulas[[design]](a))
    if (is.na(found[2]) || found[2] <= 0) next
    if ((qt(0.975, found[2]) + qt(0.8, found[2])) * sqrt(found[1]) <= es) return(number)
  }
}
top <- list(IRA = "n", BIRA2_random = "J", CRA2 = "J", CRA3 = "K", BCRA3_random = "K",
            BCRA3_fixed = "J", CRA4 = "L", BCRA4_random = "L", BIRA2_fixed = "n")
for (design in names(top)) for (time in 1:4) {
  a <- drawn(design)
  es <- round(runif(1, 0.2, 0.5), 2)
  number <- least(design, a, top[[design]], es)
  add(ask = "size", design = design, given = a[names(a) != top[[design]]], es = es, number = number)
}
for (time in 1:12) { # some pupils and schools are lost; a subgroup; a less reliable test
  a <- drawn("CRA2")
  lost <- c(n = round(runif(1, 0, 0.3), 2), J = round(runif(1, 0, 0.3), 2))
  share <- round(runif(1, 0.15, 1), 2)
  reliable <- round(runif(1, 0.6, 0.95), 2)
  left <- within(a, {
    n <- n * (1 - lost[["n"]]) * share * reliable # pupils' part of the variance over it
    J <- floor(J * (1 - lost[["J"]]) + 1e-9)
  })
  found <- formulas$CRA2(left)
  add(ask = "lost", design = "CRA2", given = a, lost = as.list(lost), subgroup = share,
      rel1 = reliable, mdes = (qt(0.975, found[2]) + qt(0.8, found[2])) * sqrt(found[1]))
}
for (rate in c(0.1, 0.35, 0.6)) for (n in c(200, 900)) { # yes or no: each arm has its own variance
  beyond <- function(d) d - (qt(0.975, n - 2) + qt(0.8, n - 2)) *
    sqrt((rate * (1 - rate) + (rate + d) * (1 - rate - d)) / (n / 2))
  add(ask = "rate", design = "IRA", given = list(n = n), rate = rate,
      mdes = uniroot(beyond, c(1e-6, 1 - rate - 1e-9), tol = 1e-13)$root,
      usual = power.prop.test(n / 2, p1 = rate, power = 0.8, tol = 1e-12)$p2 - rate)
}
cat(toJSON(cases, auto_unbox = TRUE, digits = NA), "\n")
