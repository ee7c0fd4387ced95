using System.Text;
using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Table;
using Pipeline.DuckDb;
using Pipeline.Testing;

namespace Pipeline.Operations.Tests.Verification;

/// <summary>What disks, people and other programs do to a lake.</summary>
internal static class LakeDamage
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The table's data files as its log has them, in the order of their paths.</summary>
    public static async Task<IReadOnlyList<string>> FilesAsync(this WholeLake lake, TableId id) =>
        [.. (await lake.OpenAsync(id)).Current.FilesByPath.Keys.Order(StringComparer.Ordinal).Select(path => Path.Combine(lake.DirectoryOf(id), path))];

    public static void RemoveTable(this WholeLake lake, TableId id) => ScratchDirectory.Delete(lake.DirectoryOf(id));

    public static void CopyTable(this WholeLake lake, TableId from, TableId to)
    {
        lake.RemoveTable(to);
        WholeLake.CopyDirectory(lake.DirectoryOf(from), lake.DirectoryOf(to));
    }

    public static async Task CutFileAsync(string path, long to)
    {
        await using var file = new FileStream(path, FileMode.Open);
        file.SetLength(to);
    }

    public static async Task FlipByteAsync(string path, long fromStart = -1, long fromEnd = -1)
    {
        var bytes = await File.ReadAllBytesAsync(path, Cancel);
        bytes[fromStart >= 0 ? fromStart : bytes.Length - fromEnd] ^= 0x20;
        await File.WriteAllBytesAsync(path, bytes, Cancel);
    }

    /// <summary>Writes a commit's lines again, as somebody with an editor does.</summary>
    public static async Task EditCommitAsync(this WholeLake lake, TableId id, long version, Action<List<JsonObject>> edit)
    {
        var path = lake.CommitOf(id, version);
        var lines = (await File.ReadAllLinesAsync(path, Cancel)).Where(line => line.Length > 0).Select(line => JsonNode.Parse(line)!.AsObject()).ToList();
        edit(lines);
        await File.WriteAllTextAsync(path, string.Concat(lines.Select(line => line.ToJsonString() + "\n")), new UTF8Encoding(false), Cancel);
    }

    public static Task EditAddsAsync(this WholeLake lake, TableId id, long version, AddFile file, Action<JsonObject> edit) => lake.EditCommitAsync(id, version, lines =>
    {
        foreach (var line in lines)
            if (line["add"] is JsonObject add && Uri.UnescapeDataString((string)add["path"]!) == file.Path) edit(add);
    });

    /// <summary>Changes the statistics of a file that has some.</summary>
    public static async Task EditStatsAsync(this WholeLake lake, TableId id, string having, Action<JsonObject> edit)
    {
        var (version, file) = await lake.LiveFileAsync(id, file => file.RowCount > 1 && file.Stats!.Contains(having, StringComparison.Ordinal));
        await lake.EditAddsAsync(id, version, file, add =>
        {
            var stats = JsonNode.Parse((string)add["stats"]!)!.AsObject();
            edit(stats);
            add["stats"] = stats.ToJsonString();
        });
    }

    /// <summary>One row of the table with another value in a column: by the column's type one that no row has.</summary>
    public static Func<DeltaTable, Task<(IReadOnlyList<AddFile> Adds, IReadOnlyList<AddFile> Removes)>> AppendOther(this WholeLake lake, Func<DeltaTable, Apache.Arrow.Field> column) => table =>
    {
        var field = column(table);
        return lake.Append($"SELECT * REPLACE ({(field.DataType is Apache.Arrow.Types.StringType ? "'nobody''s'" : "-77")} AS {Sql.Name(field.Name)}) FROM rows LIMIT 1")(table);
    };

    /// <summary>All rows, without a value in the last column.</summary>
    public static Func<DeltaTable, Task<(IReadOnlyList<AddFile> Adds, IReadOnlyList<AddFile> Removes)>> WithoutLast(this WholeLake lake) => table =>
        lake.Rewrite($"SELECT * REPLACE (NULL AS {Sql.Name(table.Current.Schema.FieldsList[^1].Name)}) FROM rows")(table);

    /// <summary>A commit of another program.</summary>
    public static async Task<long> ByOthersAsync(this WholeLake lake, TableId id, string operation, Func<DeltaTable, Task<(IReadOnlyList<AddFile> Adds, IReadOnlyList<AddFile> Removes)>> change, bool dataChange = true)
    {
        var version = await lake.BySelfAsync(id, operation, change, dataChange);
        await lake.EditCommitAsync(id, version, lines => lines[0]["commitInfo"]!["engineInfo"] = "another/1.0");
        return version;
    }

    /// <summary>A commit that looks like one of this pipeline.</summary>
    public static async Task<long> BySelfAsync(this WholeLake lake, TableId id, string operation, Func<DeltaTable, Task<(IReadOnlyList<AddFile> Adds, IReadOnlyList<AddFile> Removes)>> change, bool dataChange = true)
    {
        var table = await lake.OpenAsync(id);
        var (adds, removes) = await change(table);
        var result = await table.CommitAsync(new Transaction(operation, Isolation.ReadTable)
        {
            ReadVersion = table.Current.Version,
            Adds = [.. adds.Select(add => add with { DataChange = dataChange })],
            Removes = [.. removes.Select(file => new RemoveFile(file.Path, lake.Time.GetUtcNow(), dataChange, file.PartitionValues, file.Size))],
        }, Cancel);
        await table.PendingCheckpoint;
        return Assert.IsType<CommitResult.Committed>(result).Snapshot.Version;
    }

    /// <summary>Puts the rows of a SELECT over <c>rows</c>, which are the table's, in their place.</summary>
    public static Func<DeltaTable, Task<(IReadOnlyList<AddFile> Adds, IReadOnlyList<AddFile> Removes)>> Rewrite(this WholeLake lake, string select) => async table =>
    {
        using var session = lake.OpenSession();
        var partitions = table.Current.Metadata.PartitionColumns;
        var files = await ParquetCopy.WriteAsync(session, table, [.. table.Current.Schema.FieldsList.Where(field => !partitions.Contains(field.Name))],
            $"WITH rows AS ({await lake.RowsAsync(session, table)}) {select}", lake.Time.GetUtcNow(), Cancel);
        return (partitions.IsEmpty ? files : [.. files.Select(file => file with { PartitionValues = ActionReader.NoValues.Add(BronzeColumns.IngestDate, "2026-03-02") })], [.. table.Current.Files]);
    };

    /// <summary>Adds the rows of a SELECT over <c>rows</c>.</summary>
    public static Func<DeltaTable, Task<(IReadOnlyList<AddFile> Adds, IReadOnlyList<AddFile> Removes)>> Append(this WholeLake lake, string select) => async table => ((await lake.Rewrite(select)(table)).Adds, []);

    /// <summary>All rows but one.</summary>
    public const string AllButOne = "SELECT * FROM rows LIMIT (SELECT count(*) - 1 FROM rows)";

    /// <summary>
    /// Writes a file with other rows and makes the log's words about it fit: neither size, nor count, nor checksum tells.
    /// </summary>
    public static async Task RewriteFileAsync(this WholeLake lake, TableId id, string select)
    {
        var (version, old) = await lake.LiveFileAsync(id, file => file.RowCount > 1);
        var path = Path.Combine(lake.DirectoryOf(id), old.Path);
        using var session = lake.OpenSession();
        var copy = Path.Combine(session.ScratchDirectory, "rewritten.parquet");
        session.Execute($"COPY (WITH rows AS (SELECT * FROM read_parquet({Sql.Text(path)}, hive_partitioning = false)) {select}) TO {Sql.Text(copy)} (FORMAT parquet, COMPRESSION snappy)");
        File.Copy(copy, path, overwrite: true);
        var rows = session.Count($"SELECT count(*) FROM read_parquet({Sql.Text(path)})");
        await lake.EditAddsAsync(id, version, old, add =>
        {
            add["size"] = new FileInfo(path).Length;
            add["stats"] = $$"""{"numRecords":{{rows}}}""";
            add["tags"] = new JsonObject { [FileChecksum.Tag] = FileChecksum.TextOf(FileChecksums.Read(path)) };
        });
    }

    /// <summary>Commits stand alone: what they say is not said by a checkpoint too.</summary>
    public static void WithoutCheckpoints(this WholeLake lake, TableId id)
    {
        foreach (var checkpoint in System.IO.Directory.EnumerateFiles(Path.Combine(lake.DirectoryOf(id), "_delta_log")).Where(file => file.Contains("checkpoint", StringComparison.Ordinal))) File.Delete(checkpoint);
    }

    /// <summary>A file of the newest version and the commit that has added it. Without checkpoints the commit's word counts.</summary>
    public static async Task<(long Version, AddFile File)> LiveFileAsync(this WholeLake lake, TableId id, Func<AddFile, bool> wanted)
    {
        lake.WithoutCheckpoints(id);
        var table = await lake.OpenAsync(id);
        for (var version = table.Current.Version; version > 0; version--)
            foreach (var add in (await table.TryReadCommitAsync(version, Cancel))!.OfType<AddFile>())
                if (table.Current.FilesByPath.ContainsKey(add.Path) && wanted(add)) return (version, add);
        throw new InvalidOperationException($"{id} has no such file.");
    }

    /// <summary>The newest commit that moves a split.</summary>
    public static async Task<(long Version, TxnAction Txn)> LastMoveAsync(this WholeLake lake, TableId id)
    {
        lake.WithoutCheckpoints(id);
        var table = await lake.OpenAsync(id);
        for (var version = table.Current.Version; version > 0; version--)
            if ((await table.TryReadCommitAsync(version, Cancel))!.OfType<TxnAction>().FirstOrDefault(txn => txn.AppId.StartsWith($"{id.Source}/", StringComparison.Ordinal)) is { } move) return (version, move);
        throw new InvalidOperationException($"{id} has never moved.");
    }

    /// <summary>The newest version.</summary>
    public static async Task<long> VersionAsync(this WholeLake lake, TableId id) => (await lake.OpenAsync(id)).Current.Version;

    /// <summary>Writes a checkpoint of the newest version, and cuts it.</summary>
    public static async Task CutCheckpointAsync(this WholeLake lake, TableId id)
    {
        var table = await lake.OpenAsync(id);
        await CheckpointWriter.WriteAsync(table.Store, table.Path, table.Current, lake.Time.GetUtcNow(), Cancel);
        await CutFileAsync(Path.Combine(lake.DirectoryOf(id), "_delta_log", $"{table.Current.Version:D20}.checkpoint.parquet"), 40);
    }
}
