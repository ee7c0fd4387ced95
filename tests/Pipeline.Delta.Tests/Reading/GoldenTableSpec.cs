using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.Reading;

/// <summary>Each archive holds a table and, where it can be read, its rows as the reference implementation reads them.</summary>
public sealed class GoldenTableSpec : IDisposable
{
    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("basic-decimal-table")]
    [InlineData("basic-with-inserts-deletes-checkpoint")]
    [InlineData("basic-with-inserts-merge")]
    [InlineData("basic-with-inserts-overwrite-restore")]
    [InlineData("basic-with-inserts-updates")]
    [InlineData("corrupted-last-checkpoint-kernel")]
    [InlineData("data-reader-date-types-America")]
    [InlineData("data-reader-date-types-utc")]
    [InlineData("data-reader-escaped-chars")]
    [InlineData("data-reader-primitives")]
    [InlineData("data-skipping-basic-stats-all-types")]
    [InlineData("data-skipping-basic-stats-all-types-checkpoint")]
    [InlineData("decimal-various-scale-precision")]
    [InlineData("kernel-timestamp-timestamp_micros")]
    [InlineData("log-replay-latest-metadata-protocol")]
    [InlineData("log-replay-special-characters-a")]
    [InlineData("multi-part-checkpoint")]
    [InlineData("only-checkpoint-files")]
    [InlineData("parquet-all-types")]
    [InlineData("snapshot-data3")]
    [InlineData("snapshot-vacuumed")]
    [InlineData("table-with-columnmapping-mode-name")]
    [InlineData("time-travel-schema-changes-b")]
    [InlineData("time-travel-start-start20-start40")]
    public async Task Reads_the_expected_rows(string name)
    {
        var directory = await ExtractAsync(name);
        var table = await DeltaTable.TryOpenAsync(new LocalObjectStore(directory), "delta", TimeProvider.System, Cancel);

        var read = await ArrowFile.WriteAsync(table!, table!.Current, Path.Combine(_scratch.Root, "read.parquet"));

        AssertSameRows(read, Path.Combine(directory, "expected", "*.parquet"));
    }

    /// <summary>Its timestamps are wall-clock times of the session that wrote it.</summary>
    [Fact]
    public async Task Reads_partition_values_in_the_time_zone_of_their_writer()
    {
        var directory = await ExtractAsync("data-reader-partition-values");
        var table = await DeltaTable.TryOpenAsync(new LocalObjectStore(directory), "delta", TimeProvider.System, Cancel);
        var options = new ReadOptions(PartitionTimeZone: TimeZoneInfo.FindSystemTimeZoneById("America/Los_Angeles"));

        var read = await ArrowFile.WriteAsync(table!, table!.Current, Path.Combine(_scratch.Root, "read.parquet"), options);

        AssertSameRows(read, Path.Combine(directory, "expected", "*.parquet"));
    }

    [Theory]
    [InlineData("deltalog-invalid-protocol-version", FaultKind.Invalid, "reader version 99")]
    [InlineData("dv-partitioned-with-checkpoint", FaultKind.Invalid, "deletionVectors")]
    [InlineData("deltalog-state-reconstruction-without-metadata", FaultKind.Damaged, "has no metadata")]
    [InlineData("update-deleted-directory", FaultKind.Damaged, "its schema cannot be read: it is missing")]
    [InlineData("versions-not-contiguous", FaultKind.Damaged, "version 1 of the table is missing")]
    public async Task Refuses_what_it_cannot_read_rightly(string name, FaultKind kind, string reason)
    {
        var directory = await ExtractAsync(name);

        var refusal = await Assert.ThrowsAsync<PipelineException>(async () =>
            await DeltaTable.TryOpenAsync(new LocalObjectStore(directory), "delta", TimeProvider.System, Cancel));

        Assert.Equal(kind, refusal.Kind);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("canonicalized-paths-normal-a", 1, 0)]
    [InlineData("canonicalized-paths-special-a", 1, 0)]
    [InlineData("checkpoint", 14, 1)]
    [InlineData("delete-re-add-same-file-different-transactions", 3, 2)]
    public async Task Replays_logs_whose_files_are_not_in_the_archive(string name, long version, int files)
    {
        var directory = await ExtractAsync(name);

        var table = await DeltaTable.TryOpenAsync(new LocalObjectStore(directory), "delta", TimeProvider.System, Cancel);

        Assert.Equal((version, files), (table!.Current.Version, table.Current.FilesByPath.Count));
    }

    [Fact]
    public async Task A_directory_without_a_log_is_no_table()
    {
        var directory = await ExtractAsync("no-delta-log-folder");

        Assert.Null(await DeltaTable.TryOpenAsync(new LocalObjectStore(directory), "delta", TimeProvider.System, Cancel));
    }

    private async Task<string> ExtractAsync(string name)
    {
        var folder = GoldenTables.Find();
        if (folder is null) Assert.Skip("The golden tables are not on this machine (set PIPELINE_SHARED to the folder that holds data/delta-golden).");
        return await GoldenTables.ExtractAsync(folder, name, _scratch.Root);
    }

    /// <summary>Compares as multisets, after bringing the expected columns to the types that we read.</summary>
    private static void AssertSameRows(string read, string expected)
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        Execute(connection, "SET TimeZone = 'UTC'");
        List<(string Name, string Type)> columns = [];
        using (var command = connection.CreateCommand())
        {
            command.CommandText = $"DESCRIBE FROM read_parquet('{read}')";
            using var reader = command.ExecuteReader();
            while (reader.Read()) columns.Add((reader.GetString(0), reader.GetString(1)));
        }

        var list = string.Join(", ", columns.Select(column => $"CAST(CAST(\"{column.Name}\" AS {column.Type}) AS VARCHAR)"));
        Execute(connection, $"CREATE TABLE ours AS SELECT {list} FROM read_parquet('{read}')");
        Execute(connection, $"CREATE TABLE theirs AS SELECT {list} FROM read_parquet('{expected}', hive_partitioning = false)");

        Assert.Equal(Scalar(connection, "SELECT count(*) FROM theirs"), Scalar(connection, "SELECT count(*) FROM ours"));
        var onlyOurs = Text(connection, "SELECT string_agg(t::VARCHAR, chr(10)) FROM (FROM ours EXCEPT ALL FROM theirs LIMIT 5) t");
        var onlyTheirs = Text(connection, "SELECT string_agg(t::VARCHAR, chr(10)) FROM (FROM theirs EXCEPT ALL FROM ours LIMIT 5) t");
        Assert.True(onlyOurs.Length + onlyTheirs.Length == 0, $"only read:\n{onlyOurs}\nonly expected:\n{onlyTheirs}");
    }

    private static void Execute(DuckDBConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static long Scalar(DuckDBConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    private static string Text(DuckDBConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar() as string ?? "";
    }
}
