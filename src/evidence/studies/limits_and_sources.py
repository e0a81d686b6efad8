"""How the documents of a trial end: what limits every trial, and where its methods come from."""

from __future__ import annotations

from evidence.show.document import Block, Heading, Items

LIMITS = (
    "The answer is about the schools and pupils who took part, and about the programme as it was "
    "provided to them; elsewhere it may be another.",
    "The data do not show whether those who gave and marked the tests knew the arms, nor whether "
    "one arm received some of what was meant for the other.",
)
_SOURCES = {
    "guidance": "Education Endowment Foundation (2022). Statistical analysis guidance for EEF "
    "evaluations. London: EEF.",
    "consort": "Schulz, K. F., Altman, D. G. and Moher, D. (2010). CONSORT 2010 statement: updated "
    "guidelines for reporting parallel group randomised trials. BMJ 340, c332. "
    "doi:10.1136/bmj.c332",
    "consort_clusters": "Campbell, M. K., Piaggio, G., Elbourne, D. R. and Altman, D. G. (2012). "
    "Consort 2010 statement: extension to cluster randomised trials. BMJ 345, e5661. "
    "doi:10.1136/bmj.e5661",
    "tidier": "Hoffmann, T. C. et al. (2014). Better reporting of interventions: template for "
    "intervention description and replication (TIDieR) checklist and guide. BMJ 348, g1687. "
    "doi:10.1136/bmj.g1687",
    "power": "Dong, N. and Maynard, R. (2013). PowerUp!: a tool for calculating minimum detectable "
    "effect sizes and minimum required sample sizes for experimental and quasi-experimental design "
    "studies. Journal of Research on Educational Effectiveness 6(1), 24–67. "
    "doi:10.1080/19345747.2012.673143",
    "clusters": "Pustejovsky, J. E. and Tipton, E. (2018). Small-sample methods for cluster-robust "
    "variance estimation and hypothesis testing in fixed effects models. Journal of Business and "
    "Economic Statistics 36(4), 672–683. doi:10.1080/07350015.2016.1247004",
    "effect_size": "Hedges, L. V. (2007). Effect sizes in cluster-randomized designs. Journal of "
    "Educational and Behavioral Statistics 32(4), 341–370. doi:10.3102/1076998606298043",
    "multilevel": "Bates, D., Mächler, M., Bolker, B. and Walker, S. (2015). Fitting linear "
    "mixed-effects models using lme4. Journal of Statistical Software 67(1), 1–48. "
    "doi:10.18637/jss.v067.i01",
    "missing": "van Buuren, S. (2018). Flexible Imputation of Missing Data, second edition. Boca "
    "Raton: CRC Press. doi:10.1201/9780429492259",
    "compliance": "Angrist, J. D., Imbens, G. W. and Rubin, D. B. (1996). Identification of causal "
    "effects using instrumental variables. Journal of the American Statistical Association "
    "91(434), 444–455. doi:10.1080/01621459.1996.10476902",
    "several": "Romano, J. P. and Wolf, M. (2005). Stepwise multiple testing as formalized data "
    "snooping. Econometrica 73(4), 1237–1282. doi:10.1111/j.1468-0262.2005.00615.x",
    "robustness": "Simonsohn, U., Simmons, J. P. and Nelson, L. D. (2020). Specification curve "
    "analysis. Nature Human Behaviour 4, 1208–1214. doi:10.1038/s41562-020-0912-z",
    "randomisation": "Phipson, B. and Smyth, G. K. (2010). Permutation p-values should never be "
    "zero. Statistical Applications in Genetics and Molecular Biology 9(1), article 39. "
    "doi:10.2202/1544-6115.1585",
}


def references(**used: object) -> list[Block]:
    """Return the heading and the list of the sources that are used, by author.

    Parameters
    ----------
    **used : bool
        Name of a source, and whether the report rests on it.
    """
    return [
        Heading("References", 2),
        Items([[each] for each in sorted(_SOURCES[name] for name, used in used.items() if used)]),
    ]
