using Pipeline.Core;

namespace Pipeline.Operations.Verification;

/// <summary>What is looked at in a table.</summary>
public abstract record TableCheck
{
    private TableCheck()
    {
    }

    /// <summary>It is there, and is the one that was made here.</summary>
    public sealed record Presence : TableCheck;

    /// <summary>Its log is whole, and every commit that changes rows is this pipeline's.</summary>
    public sealed record Commits : TableCheck;

    /// <summary>Its files are there, as its log describes them.</summary>
    public sealed record Files : TableCheck;

    /// <summary>Bronze: as many rows as its commits have added.</summary>
    public sealed record Rows : TableCheck;

    /// <summary>Bronze: the ranges of its splits follow each other, and rows lie in the range of their commit.</summary>
    public sealed record Positions : TableCheck;

    /// <summary>Bronze with numbered records: each is there once.</summary>
    /// <param name="SplitColumn">The column that says which sequence a number belongs to.</param>
    public sealed record Numbers(string SplitColumn, string NumberColumn) : TableCheck;

    /// <summary>Bronze: the dead letters that its commits speak of are there.</summary>
    public sealed record Letters : TableCheck;

    /// <summary>Bronze: what was re-driven is there once, and was a dead letter.</summary>
    public sealed record Redriven : TableCheck;

    /// <summary>Silver: each row of Bronze has become one thing.</summary>
    public sealed record Fates(TableId From) : TableCheck;

    /// <summary>Silver: no more of its rows are set aside than is expected.</summary>
    public sealed record Quarantined : TableCheck;

    /// <summary>Gold: it holds what its query returns.</summary>
    public sealed record Query : TableCheck;

    /// <summary>Silver and Gold: no two rows have the same key.</summary>
    public sealed record Key(IReadOnlyList<string> Columns) : TableCheck;
}

/// <summary>What a check of a table has found.</summary>
/// <param name="Times">How often it has found something of this kind; <paramref name="Found"/> is the first.</param>
public sealed record CheckedTable(TableId Table, TableCheck Check, Evidence Found, int Times = 1)
{
    public bool IsSound => Found is not Flaw;

    /// <summary>Everything that a check has found, each kind once.</summary>
    public static IEnumerable<CheckedTable> Of(TableId table, TableCheck check, IEnumerable<Flaw> flaws) =>
        flaws.GroupBy(flaw => flaw.GetType()).Select(kind => new CheckedTable(table, check, kind.First(), kind.Count()));

    /// <summary>The flaws; where there are none, what is right.</summary>
    public static IEnumerable<CheckedTable> Of(TableId table, TableCheck check, IReadOnlyCollection<Flaw> flaws, Func<Evidence> otherwise) =>
        flaws.Count > 0 ? Of(table, check, flaws) : [new CheckedTable(table, check, otherwise())];
}
