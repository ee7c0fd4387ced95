namespace Pipeline.Demo.Data;

/// <summary>What must be in the lake when everything generated has arrived, to the row.</summary>
public sealed record Expectation(IReadOnlyList<TableExpectation> Tables, IReadOnlyList<GoldExpectation> Gold);

/// <summary>What a source table's rows must have become in Bronze and Silver.</summary>
/// <remarks>
/// Sent = Bronze + dead letters, and Bronze = Silver + quarantined + superseded: every row has exactly one fate. A row
/// that breaks several rules is quarantined once and counted under each of them; one that breaks a rule of its own is not
/// looked up in other tables, so that its rules do not depend on what has arrived.
/// </remarks>
/// <param name="Sent">Row versions written or records produced.</param>
/// <param name="Silver">Distinct keys with at least one good row.</param>
/// <param name="Superseded">Good rows that are not the latest of their key, and rows that broke a rule before a good one of their key.</param>
/// <param name="QuarantinedByRule">Rows in the quarantine for which the rule is named.</param>
/// <param name="WarnedByRule">Rows that broke a rule of severity <c>warn</c> and went on.</param>
public sealed record TableExpectation(string Source, string Table, long Sent, long DeadLetters, long Silver, long Quarantined, long Superseded,
    IReadOnlyDictionary<string, long> QuarantinedByRule, IReadOnlyDictionary<string, long> WarnedByRule)
{
    /// <summary>Rows of <c>bronze/SOURCE/TABLE</c>.</summary>
    public long Bronze => Sent - DeadLetters;
}

/// <summary>The rows of a Gold table, and sums over them that a wrong join or a lost change would spoil.</summary>
public sealed record GoldExpectation(string Table, long Rows, IReadOnlyList<GoldTotal> Totals);

/// <param name="Expression">An aggregate in the portable SQL, e.g. <c>SUM(net_amount)</c>; its value is a decimal.</param>
public sealed record GoldTotal(string Expression, decimal Value);
