using System.Collections.Immutable;
using System.Text.Json;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Transform.Models;

/// <summary>A test of a Silver or Gold table: rows that are given to it, run by run, and the rows that it shall have then.</summary>
/// <param name="File">Where it is written.</param>
public sealed record ModelTest(TableId Table, string Name, string File)
{
    /// <summary>What is there before each run. Bronze gets rows, as a log does; of other tables the rows are all that they hold from then on.</summary>
    public required ImmutableArray<ImmutableArray<GivenTable>> Runs { get; init; }

    /// <summary>The table's rows; compared are the columns that are named.</summary>
    public required ModelRows Expect { get; init; }

    /// <summary>The rows of a Silver table's quarantine.</summary>
    public ModelRows Quarantine { get; init; } = ModelRows.None;

    /// <summary>A part of the message that the last run ends with; null: it ends well.</summary>
    public string? Error { get; init; }

    /// <summary>Types of Bronze columns that follow neither from the contract nor from the values.</summary>
    public ImmutableDictionary<string, IArrowType> Types { get; init; } = ImmutableDictionary<string, IArrowType>.Empty;
}

/// <summary>Rows of a table that is read.</summary>
public sealed record GivenTable(TableId Table, ModelRows Rows);

/// <summary>Rows by columns; a value that is not named is null.</summary>
public sealed record ModelRows(ImmutableArray<string> Columns, ImmutableArray<ImmutableArray<ModelValue?>> Rows)
{
    public static readonly ModelRows None = new([], []);

    /// <summary>The value of a column in each row.</summary>
    public IEnumerable<ModelValue?> Of(string column) => Columns.IndexOf(column) is >= 0 and var at ? Rows.Select(row => row[at]) : [];
}

/// <summary>A value as it is written in a test.</summary>
/// <param name="Text">Of a text what it says, of others how they are written.</param>
public sealed record ModelValue(JsonValueKind Kind, string Text);
