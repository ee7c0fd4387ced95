using Pipeline.Core;

namespace Pipeline.Operations.Verification;

/// <summary>What is looked at in a table.</summary>
public abstract record TableCheck
{
    private TableCheck()
    {
    }

    /// <summary>Its files are there, as its log describes them.</summary>
    public sealed record Files : TableCheck;

    /// <summary>Bronze: the ranges of its splits follow each other, and rows lie in the range of their commit.</summary>
    public sealed record Positions : TableCheck;

    /// <summary>Bronze with numbered records: each is there once.</summary>
    /// <param name="SplitColumn">The column that says which sequence a number belongs to.</param>
    public sealed record Numbers(string SplitColumn, string NumberColumn) : TableCheck;

    /// <summary>Bronze: what was re-driven is there once, and was a dead letter.</summary>
    public sealed record Redriven : TableCheck;

    /// <summary>Silver: each row of Bronze has become one thing.</summary>
    public sealed record Fates(TableId From) : TableCheck;

    /// <summary>Gold: it holds what its query returns.</summary>
    public sealed record Query : TableCheck;

    /// <summary>Silver and Gold: no two rows have the same key.</summary>
    public sealed record Key(IReadOnlyList<string> Columns) : TableCheck;
}

/// <summary>What a check of a table has found.</summary>
public sealed record CheckedTable(TableId Table, TableCheck Check, Evidence Found)
{
    public bool IsSound => Found is not Flaw;
}
