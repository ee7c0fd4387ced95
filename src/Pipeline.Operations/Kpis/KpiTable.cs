using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Kpis;

/// <summary><c>gold/_pipeline_kpi_daily</c>: how each table did on each day that is over, kept when the logs no longer tell.</summary>
internal static class KpiTable
{
    public static readonly TableId Id = TableId.Gold("_pipeline_kpi_daily");

    /// <summary>The appId in its log that says which day was kept last, as a number of days since 0001-01-01. A day is kept once, whoever keeps it.</summary>
    private const string LastDay = "day";

    private static readonly (Field Field, Func<TableDay, object?> Value)[] Columns =
    [
        Of("day", Date32Type.Default, day => day.Day),
        Of("table_name", StringType.Default, day => day.Table.ToString()),
        Of("freshness_p50_seconds", DoubleType.Default, day => day.FreshnessP50),
        Of("freshness_p95_seconds", DoubleType.Default, day => day.FreshnessP95),
        Of("freshness_max_seconds", DoubleType.Default, day => day.FreshnessMax),
        Of("sla_seconds", DoubleType.Default, day => day.SlaSeconds),
        Of("within_sla", DoubleType.Default, day => day.WithinSla),
        Of("completeness", DoubleType.Default, day => day.Quality?.Completeness),
        Of("validity", DoubleType.Default, day => day.Quality?.Validity),
        Of("consistency", DoubleType.Default, day => day.Quality?.Consistency),
        Of("uniqueness", DoubleType.Default, day => day.Quality?.Uniqueness),
        Of("timeliness", DoubleType.Default, day => day.Quality?.Timeliness),
        Of("rows", Int64Type.Default, day => day.Rows),
        Of("runs", Int64Type.Default, day => day.Runs),
        Of("failed_attempts", Int64Type.Default, day => day.FailedAttempts),
        Of("recoveries", Int64Type.Default, day => day.Recoveries),
        Of("recovery_seconds", DoubleType.Default, day => day.RecoverySeconds),
        Of("busy_seconds", DoubleType.Default, day => day.BusySeconds),
        Of("cost", DoubleType.Default, day => day.Cost),
        // What follows from the others, for whoever reads the table with another program.
        Of("quality_score", DoubleType.Default, day => day.Quality?.Score),
        Of("success_rate", DoubleType.Default, day => day.SuccessRate),
        Of("error_rate", DoubleType.Default, day => day.ErrorRate),
        Of("rows_per_second", DoubleType.Default, day => day.RowsPerSecond),
        Of("cost_per_million_rows", DoubleType.Default, day => day.CostPerMillionRows),
    ];

    /// <summary>The day that was kept last; null: none was.</summary>
    public static DateOnly? KeptUntil(DeltaTable? table) => table?.Current.Position(LastDay) is { } day ? DateOnly.FromDayNumber((int)day) : null;

    /// <summary>Appends days that are over, in one commit.</summary>
    /// <param name="keptUntil">What <see cref="KeptUntil"/> said before the days were computed.</param>
    /// <param name="until">The last of them, also when no table has figures of it.</param>
    /// <returns>False: somebody else has kept them meanwhile.</returns>
    public static async Task<bool> AppendAsync(Lake lake, IReadOnlyList<TableDay> days, DateOnly? keptUntil, DateOnly until, CancellationToken cancellationToken)
    {
        var schema = new Schema([.. Columns.Select(column => column.Field)], null);
        var table = await lake.OpenOrCreateAsync(Id, schema, [], ImmutableDictionary<string, string>.Empty, cancellationToken);
        using var batch = new RecordBatch(schema, Columns.Select(column => ToArray(column.Field.DataType, days.Select(column.Value))), days.Count);
        await using var writer = await table.OpenDataFileAsync(schema, ImmutableDictionary<string, string?>.Empty, new DataFileOptions(), cancellationToken);
        writer.Write(batch);
        return await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend)
        {
            Adds = [await writer.CompleteAsync(cancellationToken)],
            Moves = [new TxnMove(LastDay, keptUntil?.DayNumber, until.DayNumber)],
            Schema = schema,
        }, cancellationToken) is CommitResult.Committed;
    }

    /// <summary>Days that were kept, from a day on.</summary>
    public static async Task<IReadOnlyList<TableDay>> ReadAsync(DeltaTable table, DateOnly from, CancellationToken cancellationToken)
    {
        if (table.Current.FilesByPath.Count == 0) return [];
        using var query = new LakeQuery(cancellationToken);
        var names = string.Join(", ", Columns.Select(column => column.Field.Name).Select(name => name == "day" ? "CAST(day AS VARCHAR)" : name));
        var rows = await query.RowsAsync(table, table.Current, names, $"WHERE day >= DATE '{from:yyyy-MM-dd}' ORDER BY day, table_name");
        return [.. rows.Select(ToDay)];
    }

    private static TableDay ToDay(object?[] row)
    {
        var quality = Double("completeness") is { } completeness
            ? new QualityScores(completeness, Double("validity")!.Value, Double("consistency")!.Value, Double("uniqueness")!.Value, Double("timeliness")!.Value)
            : null;
        return new TableDay(DateOnly.ParseExact((string)Value("day")!, "yyyy-MM-dd"), TableId.Parse((string)Value("table_name")!),
            Double("freshness_p50_seconds"), Double("freshness_p95_seconds"), Double("freshness_max_seconds"), Double("sla_seconds") ?? 0, Double("within_sla"), quality,
            Long("rows"), Long("runs"), Long("failed_attempts"), Long("recoveries"), Double("recovery_seconds"), Double("busy_seconds") ?? 0, Double("cost"));

        object? Value(string name) => row[System.Array.FindIndex(Columns, column => column.Field.Name == name)];
        double? Double(string name) => Value(name) is { } value ? Convert.ToDouble(value) : null;
        long Long(string name) => Value(name) is { } value ? Convert.ToInt64(value) : 0;
    }

    private static IArrowArray ToArray(IArrowType type, IEnumerable<object?> values) => type switch
    {
        Date32Type => values.Aggregate(new Date32Array.Builder(), (array, value) => array.Append((DateOnly)value!)).Build(),
        Int64Type => values.Aggregate(new Int64Array.Builder(), (array, value) => array.Append((long)value!)).Build(),
        DoubleType => values.Aggregate(new DoubleArray.Builder(), (array, value) => array.Append((double?)value)).Build(),
        _ => values.Aggregate(new StringArray.Builder(), (array, value) => array.Append((string)value!)).Build(),
    };

    private static (Field, Func<TableDay, object?>) Of(string name, IArrowType type, Func<TableDay, object?> value) => (new Field(name, type, nullable: true), value);
}
