using System.Text.RegularExpressions;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Client;
using Pipeline.Sources.Snowflake.Decoding;

namespace Pipeline.Sources.Snowflake.Catalog;

/// <summary>A table's columns as the source delivers them, and which of them is the watermark.</summary>
internal sealed partial class TableShape
{
    private TableShape(IReadOnlyList<ResultColumn> columns, Schema schema, int watermark)
    {
        Columns = columns;
        Schema = schema;
        Watermark = watermark;
    }

    public IReadOnlyList<ResultColumn> Columns { get; }

    /// <summary>The table's columns, all nullable, then <c>_op</c> and <c>_position</c>.</summary>
    public Schema Schema { get; }

    /// <summary>Index of the watermark column.</summary>
    public int Watermark { get; }

    public bool IsTimestamp => Columns[Watermark].Type != "fixed";

    /// <summary>Whether the watermark is a moment that can be compared with a clock; a TIMESTAMP_NTZ may be in any time zone.</summary>
    public bool HasMoments => Columns[Watermark].Type is "timestamp_ltz" or "timestamp_tz";

    /// <summary>The least position a split can have: read from here when there is none.</summary>
    public long Beginning => IsTimestamp ? (DateTimeOffset.MinValue - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond : long.MinValue;

    /// <exception cref="PipelineException">The watermark is missing or of a wrong type, or names clash.</exception>
    public static TableShape Of(string thing, SnowflakeTableOptions table, IReadOnlyList<ResultColumn> columns)
    {
        var watermark = columns.ToList().FindIndex(column => column.Name == table.Watermark);
        if (watermark < 0)
            throw new PipelineException(FaultKind.Missing, thing, $"there is no watermark column '{table.Watermark}'",
                $"Set watermark to one of its columns (case-sensitive): {string.Join(", ", columns.Select(column => column.Name))}.");
        if (!(columns[watermark] is { Type: "fixed", Scale: 0 } || columns[watermark].Type.StartsWith("timestamp_", StringComparison.Ordinal)))
            throw new PipelineException(FaultKind.Invalid, thing, $"the watermark column '{table.Watermark}' is of type {columns[watermark].Type}",
                "A watermark is a TIMESTAMP column or a NUMBER without decimals.");
        if (table.Key.FirstOrDefault(key => columns.All(column => column.Name != key)) is { } missing)
            throw new PipelineException(FaultKind.Missing, thing, $"there is no key column '{missing}'",
                $"Set key to some of its columns (case-sensitive): {string.Join(", ", columns.Select(column => column.Name))}.");

        // With the watermark the key tells a row from every other.
        var fields = columns.Select(column => new Field(NameInLake(column.Name), CellColumn.TypeOf(column), nullable: true) is var field && table.Key.Contains(column.Name, StringComparer.Ordinal)
                ? field.As(BronzeRole.Identifies) : field)
            .Concat([BronzeColumns.OpField, BronzeColumns.PositionField])
            .ToArray();
        var clash = fields.GroupBy(field => field.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1);
        if (clash is not null)
            throw new PipelineException(FaultKind.Invalid, thing, $"two columns would be named '{clash.Key}' in the lake, where case does not count",
                "Read a view that gives one of them another name.");
        return new TableShape(columns, new Schema(fields, null), watermark);
    }

    public bool IsSameAs(TableShape other) => Columns.SequenceEqual(other.Columns);

    /// <summary>Names that Snowflake folded to upper case (written without quotes) are lower case in the lake.</summary>
    private static string NameInLake(string name) => LakeName.OfSourceColumn(UnquotedName().IsMatch(name) ? name.ToLowerInvariant() : name);

    [GeneratedRegex("^[A-Z_][A-Z0-9_$]*$", RegexOptions.CultureInvariant)]
    private static partial Regex UnquotedName();
}
