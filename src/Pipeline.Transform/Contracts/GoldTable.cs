using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Configuration;

namespace Pipeline.Transform.Contracts;

/// <summary>How a Gold table is kept up to date.</summary>
public enum Materialization
{
    /// <summary>Every run replaces all rows.</summary>
    Full,

    /// <summary>Only what differs is written: rows are inserted, updated and deleted by key.</summary>
    Merge,
}

/// <summary>One SELECT that makes a Gold table.</summary>
/// <param name="Sql">The file's text; refers to tables as <c>silver.users</c> and <c>gold.dim_date</c>.</param>
/// <param name="SqlFile">Where <paramref name="Sql"/> comes from, for messages.</param>
/// <param name="Key">The columns that identify a row; required for <see cref="Materialization.Merge"/>.</param>
/// <param name="Personal">Columns about a person: their minimum and maximum are written nowhere.</param>
/// <param name="Location">Where the table is configured.</param>
public sealed record GoldTable(TableId Table, string Sql, string SqlFile, Materialization Materialization, IReadOnlyList<string> Key, IReadOnlyList<string> Personal,
    SourceLocation Location)
{
    /// <summary>What executes its runs; null: as all tables.</summary>
    public EngineKind? Engine { get; init; }

    /// <summary>What the table says to people, which stands in its metadata; empty: what stands there goes; null: it stays.</summary>
    public string? Description { get; init; }

    /// <summary>The same of its columns, by their names.</summary>
    public IReadOnlyDictionary<string, string> ColumnDescriptions { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Words by which it is chosen, with others.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];
}
