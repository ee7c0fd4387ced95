namespace Pipeline.Transform.Contracts;

/// <summary>What a change of a table's configuration means for the rows that are there, the least first.</summary>
public enum ChangeMeaning
{
    /// <summary>They are as they would be.</summary>
    Nothing,

    /// <summary>Rows of the quarantine may be good now: the next runs judge them again.</summary>
    JudgeQuarantine,

    /// <summary>Rows of before lack values that Bronze has: the table is made anew.</summary>
    FillColumns,

    /// <summary>Rows would be others: the table is made anew, and the Silver tables that refer to it.</summary>
    Rebuild,
}

/// <summary>The part of a table's configuration that changed.</summary>
public enum ChangedPart
{
    From,
    Format,
    Key,
    OrderBy,
    Column,
    Mask,
    Rule,
    Reference,
    Query,
    Release,
    Materialization,

    /// <summary>The columns that are about a person.</summary>
    Personal,
}

public enum ChangeKind
{
    Added,
    Removed,
    Changed,
}

/// <param name="Name">Of the column, rule or reference; empty for what a table has one of.</param>
public sealed record ContractChange(ChangedPart Part, string Name, ChangeKind Kind, ChangeMeaning Meaning)
{
    /// <summary>For people and logs: <c>rule email_valid changed</c>.</summary>
    public override string ToString() => $"{(Part == ChangedPart.OrderBy ? "order-by" : Part.ToString().ToLowerInvariant())} {Name}{(Name.Length > 0 ? " " : "")}{Kind.ToString().ToLowerInvariant()}";
}
