using System.Globalization;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.DuckDb;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Silver;

/// <summary><c>silver/_quality</c>: one row for each run of each Silver table.</summary>
public static class QualityTable
{
    public static readonly TableId Id = TableId.Silver("_quality");

    /// <summary>Counts as in <see cref="RunQuality"/>; scores from 0 to 1; rule counts as JSON objects.</summary>
    public static readonly IReadOnlyList<Field> Columns =
    [
        Of("table_name", StringType.Default),
        Of("run", Int64Type.Default),
        Of("requested_at", BronzeColumns.Timestamp),
        Of("bronze_after_version", Int64Type.Default),
        Of("bronze_version", Int64Type.Default),
        Of("rows_in", Int64Type.Default),
        Of("released", Int64Type.Default),
        Of("accepted", Int64Type.Default),
        Of("quarantined", Int64Type.Default),
        Of("superseded", Int64Type.Default),
        Of("deleted", Int64Type.Default),
        Of("replaced", Int64Type.Default),
        Of("quarantined_by_rule", StringType.Default),
        Of("warned_by_rule", StringType.Default),
        Of("completeness", DoubleType.Default),
        Of("validity", DoubleType.Default),
        Of("consistency", DoubleType.Default),
        Of("uniqueness", DoubleType.Default),
        Of("timeliness", DoubleType.Default),
        Of("truncated", Int64Type.Default),
    ];

    /// <summary>The row of a run as a query.</summary>
    internal static string Row(JobPins pins, RunQuality quality)
    {
        var bronze = pins.Inputs[0];
        string[] values =
        [
            Sql.Text(pins.Table.ToString()), Number(pins.Run), $"TIMESTAMPTZ {Sql.Text(pins.RequestedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture) + "+00")}",
            bronze.After is { } after ? Number(after) : "NULL", Number(bronze.Version),
            Number(quality.RowsIn), Number(quality.Released), Number(quality.Accepted), Number(quality.Quarantined), Number(quality.Superseded),
            Number(quality.Deleted), Number(quality.Replaced),
            Sql.Text(JsonSerializer.Serialize(quality.QuarantinedByRule)), Sql.Text(JsonSerializer.Serialize(quality.WarnedByRule)),
            Number(quality.Completeness), Number(quality.Validity), Number(quality.Consistency), Number(quality.Uniqueness), Number(quality.Timeliness),
            Number(quality.Truncated),
        ];
        return $"SELECT {string.Join(", ", values.Zip(Columns, (value, column) => $"{value} AS {column.Name}"))}";
    }

    private static string Number(IFormattable value) => value.ToString("G", CultureInfo.InvariantCulture);

    private static Field Of(string name, IArrowType type) => new(name, type, nullable: true);
}
