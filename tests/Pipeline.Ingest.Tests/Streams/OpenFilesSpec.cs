using System.Collections.Concurrent;
using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Ingest.Streams;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests.Streams;

public sealed class OpenFilesSpec : IDisposable
{
    private static readonly Schema Source = new([new Field("id", Int64Type.Default, nullable: false)], null);

    private readonly ScratchDirectory _directory = new("open-files-");
    private readonly OpenFiles _files = new(new IngestOptions(), TimeProvider.System);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lets_go_of_every_file_when_one_cannot_be_deleted()
    {
        var (store, table) = await OpenAsync();
        string[] complete = [await CompleteAsync(table), await CompleteAsync(table), await CompleteAsync(table)];
        await _files.OpenAsync(table, Cancel);
        var first = new InvalidOperationException("a defect");
        var asked = new ConcurrentQueue<string>();
        store.Break = path =>
        {
            asked.Enqueue(path);
            return asked.Count == 1 ? first : null;
        };

        Assert.Same(first, await Assert.ThrowsAsync<InvalidOperationException>(async () => await _files.DisposeAsync()));

        Assert.Equal(complete.Select(path => $"{table.Delta.Path}/{path}").Order(StringComparer.Ordinal), asked.Order(StringComparer.Ordinal));
        Assert.Single(DataFiles());
    }

    [Fact]
    public async Task Leaves_what_was_handed_over_and_deletes_the_rest()
    {
        var (_, table) = await OpenAsync();
        var open = await _files.OpenAsync(table, Cancel);
        open.Writer.Write(Row());
        var handed = await _files.CompleteAsync(open, Cancel);
        await CompleteAsync(table);

        _files.HandOver([handed]);
        await _files.DisposeAsync();

        Assert.Equal([Path.GetFileName(handed.Path)], DataFiles());
    }

    [Fact]
    public async Task Files_of_a_roll_are_completed_beside_each_other_and_staged_in_their_order()
    {
        var (store, table) = await OpenAsync();
        var (first, second) = (new TableRollPart(), new TableRollPart());
        foreach (var part in new[] { first, first, second }) part.Open.Add(await _files.OpenAsync(table, Cancel));
        using var all = new CountdownEvent(3);
        var asked = new ConcurrentDictionary<string, bool>(StringComparer.Ordinal);
        store.Break = path =>
        {
            // Each waits until all are there.
            if (asked.TryAdd(path, true)) all.Signal();
            return all.Wait(Deadlines.Test) ? null : new TimeoutException("a file was completed alone");
        };
        foreach (var (open, i) in first.Open.Concat(second.Open).Select((open, i) => (open, i)))
            for (var row = 0; row <= i; row++) open.Writer.Write(Row());

        var roll = await new ClosingRoll([new ClosingTable(table, first, []), new ClosingTable(table, second, [])], Since: null).CompleteAsync(_files, Cancel);

        Assert.Equal([2, 1], roll.Stages.Select(stage => stage.Files.Length));
        Assert.Equal(["\"numRecords\":1", "\"numRecords\":2", "\"numRecords\":3"], roll.Stages.SelectMany(stage => stage.Files).Select(file => file.Stats!.Split(',')[0].TrimStart('{')));
    }

    [Fact]
    public async Task A_file_of_a_graph_that_has_ended_cannot_be_completed()
    {
        var (_, table) = await OpenAsync();
        var open = await _files.OpenAsync(table, Cancel);
        open.Writer.Write(Row());
        await _files.DisposeAsync();

        await Assert.ThrowsAsync<OperationCanceledException>(async () => await _files.CompleteAsync(open, Cancel));
        Assert.Empty(DataFiles());
    }

    /// <summary>What is written without a dictionary is said by the source, not by a column's name.</summary>
    [Fact]
    public async Task A_user_s_own_column_called_value_keeps_its_dictionary_and_a_document_has_none()
    {
        var columns = new Schema(
        [
            new Field("value", StringType.Default, nullable: true), new Field("body", StringType.Default, nullable: true).As(BronzeRole.Document), BronzeColumns.PositionField,
        ], null);
        var table = await BronzeTable.OpenAsync(new Lake(new LocalObjectStore(_directory), TimeProvider.System), TableId.Bronze("app", "settings"), columns, Cancel);
        var open = await _files.OpenAsync(table, Cancel);
        // Few rows: their values alone do not decide.
        using var rows = new RecordBatch(table.FileSchema,
        [
            new StringArray.Builder().AppendRange(Enumerable.Repeat("on", 100)).Build(), new StringArray.Builder().AppendRange(Enumerable.Repeat("{}", 100)).Build(),
            new Int64Array.Builder().AppendRange(Enumerable.Range(0, 100).Select(position => (long)position)).Build(),
            new TimestampArray.Builder(BronzeColumns.Timestamp).AppendRange(Enumerable.Repeat(DateTimeOffset.UnixEpoch, 100)).Build(),
        ], 100);
        open.Writer.Write(rows);

        var file = await _files.CompleteAsync(open, Cancel);

        _files.HandOver([file]);
        await using var duck = new DuckDBConnection("DataSource=:memory:");
        await duck.OpenAsync(Cancel);
        await using var query = duck.CreateCommand();
        query.CommandText = $"SELECT string_agg(path_in_schema, ' ' ORDER BY column_id) FROM parquet_metadata('{table.Delta.Store.LocalPath($"{table.Delta.Path}/{file.Path}")}') WHERE dictionary_page_offset IS NOT NULL";
        Assert.Equal($"value {BronzeColumns.IngestedAt}", await query.ExecuteScalarAsync(Cancel));
    }

    public void Dispose() => _directory.Dispose();

    private async Task<(UnreliableStore Store, BronzeTable Table)> OpenAsync()
    {
        var store = new UnreliableStore(new LocalObjectStore(_directory), seed: 1);
        return (store, await BronzeTable.OpenAsync(new Lake(store, TimeProvider.System), TableId.Bronze("app", "users"), Source, Cancel));
    }

    private async Task<string> CompleteAsync(BronzeTable table)
    {
        var open = await _files.OpenAsync(table, Cancel);
        open.Writer.Write(Row());
        return (await _files.CompleteAsync(open, Cancel)).Path;
    }

    private string?[] DataFiles() => [.. Directory.GetFiles(_directory, "*.parquet", SearchOption.AllDirectories).Select(Path.GetFileName)];

    private static RecordBatch Row() => new(new Schema([.. Source.FieldsList, BronzeColumns.IngestedAtField], null),
        [new Int64Array.Builder().Append(1).Build(), new TimestampArray.Builder(BronzeColumns.Timestamp).Append(DateTimeOffset.UnixEpoch).Build()], 1);
}
