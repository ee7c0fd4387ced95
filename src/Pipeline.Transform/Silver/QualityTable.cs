using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
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

    /// <summary>The row of a run.</summary>
    internal static RecordBatch Row(JobPins pins, RunQuality quality)
    {
        var bronze = pins.Inputs[0];
        IArrowArray[] values =
        [
            Text(pins.Table.ToString()), Number(pins.Run), new TimestampArray.Builder((TimestampType)BronzeColumns.Timestamp).Append(pins.RequestedAt).Build(),
            Number(bronze.After), Number(bronze.Version),
            Number(quality.RowsIn), Number(quality.Released), Number(quality.Accepted), Number(quality.Quarantined), Number(quality.Superseded),
            Number(quality.Deleted), Number(quality.Replaced),
            Text(JsonSerializer.Serialize(quality.QuarantinedByRule)), Text(JsonSerializer.Serialize(quality.WarnedByRule)),
            Score(quality.Completeness), Score(quality.Validity), Score(quality.Consistency), Score(quality.Uniqueness), Score(quality.Timeliness),
            Number(quality.Truncated),
        ];
        return new RecordBatch(new Schema(Columns, null), values, 1);
    }

    private static StringArray Text(string value) => new StringArray.Builder().Append(value).Build();

    private static Int64Array Number(long? value) => new Int64Array.Builder().Append(value).Build();

    private static DoubleArray Score(double value) => new DoubleArray.Builder().Append(value).Build();

    private static Field Of(string name, IArrowType type) => new(name, type, nullable: true);
}
