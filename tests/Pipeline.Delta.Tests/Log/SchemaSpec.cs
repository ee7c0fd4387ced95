using Apache.Arrow;
using Apache.Arrow.Types;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Schemas;

namespace Pipeline.Delta.Tests.Log;

public sealed class SchemaSpec : IDisposable
{
    private static readonly Schema WithCity = new([.. TestTables.KeyAndText.FieldsList, new Field("city", StringType.Default, nullable: false)], null);

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_schema_comes_back_from_its_json()
    {
        var json = SchemaJson.Write(Parquet.AllTypes.Schema);

        Assert.Equal(json, SchemaJson.Write(SchemaJson.Read("t", json)));
    }

    [Fact]
    public void Field_metadata_keeps_its_json()
    {
        const string Json = """{"type":"struct","fields":[{"name":"a","type":"long","nullable":true,"metadata":{"comment":"12","delta.columnMapping.id":12,"x":{"y":[1]}}}]}""";

        Assert.Equal(Json, SchemaJson.Write(SchemaJson.Read("t", Json)));
    }

    [Fact]
    public async Task A_new_column_comes_with_the_commit_that_needs_it()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        var before = await TestTables.AppendAsync(table, 1);
        await using var writer = await table.OpenDataFileAsync(WithCity, TestTables.NoPartitions, new DataFileOptions(), Cancel);
        writer.Write(new RecordBatch(WithCity, [.. TestTables.Rows(2).Arrays, new StringArray.Builder().Append("Bern").Build()], 1));

        var after = await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await writer.CompleteAsync(Cancel)], Schema = WithCity });
        var again = await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Schema = WithCity });

        Assert.Equal(["key", "text"], before.Schema.FieldsList.Select(field => field.Name));
        // Rows from before have no city.
        Assert.Equal([("key", false), ("text", true), ("city", true)], after.Schema.FieldsList.Select(field => (field.Name, field.IsNullable)));
        Assert.Same(after.Metadata, again.Metadata);
        List<string> rows = [];
        await foreach (var batch in TableReader.ReadAsync(table, after, new ReadOptions(["city", "key"]), Cancel)) rows.AddRange(Parquet.ArrowText.Of(batch).Split('\n'));
        Assert.Equal(["'Bern' | 0200000000000000", "null | 0100000000000000"], rows.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_a_table_and_its_columns_say_comes_with_a_commit_and_what_they_say_already_changes_nothing()
    {
        await TestTables.OpenAsync(_scratch.Store());
        // As another program may have written it.
        var first = Path.Combine(_scratch.Root, "t", "_delta_log", $"{0:D20}.json");
        await File.WriteAllTextAsync(first, (await File.ReadAllTextAsync(first, Cancel)).Replace("\"schemaString\":\"{", "\"schemaString\":\"{ ", StringComparison.Ordinal), Cancel);
        var table = await TestTables.OpenAsync(_scratch.Store());
        Assert.StartsWith("{ ", table.Current.Metadata.SchemaString, StringComparison.Ordinal);

        var named = await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Words = TableWords.Of("Who is known.", []) });
        var said = await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Schema = WithCity, Words = TableWords.Of(null, [new("key", "Given out once."), new("city", "Where.")]) });

        Assert.Equal(("Who is known.", table.Current.Version - 1), (named.Metadata.Description, named.Version));
        Assert.StartsWith("{ ", named.Metadata.SchemaString, StringComparison.Ordinal);
        Assert.Equal("Who is known.", said.Metadata.Description);
        Assert.Equal([("key", "Given out once."), ("text", null), ("city", "Where.")], said.Schema.FieldsList.Select(field => (field.Name, TableWords.CommentOf(field))));
    }

    [Fact]
    public async Task A_column_that_is_said_to_have_no_statistics_has_none_from_then_on()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        var said = new Schema([TestTables.KeyAndText.GetFieldByIndex(0), new Field("text", StringType.Default, nullable: true, TableColumns.WithoutStatistics)], null);
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Schema = said });

        // Who does not say it does not take it back, and its files have none either.
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Schema = TestTables.KeyAndText });
        var file = await TestTables.WriteFileAsync(table, TestTables.Rows(1));

        Assert.Equal([true, false], table.Current.Schema.FieldsList.Select(TableColumns.HasStatistics));
        Assert.Contains("\"minValues\":{\"key\":1}", file.Stats, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Anything_else_is_refused_with_the_difference()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        var other = new Schema([new Field("key", StringType.Default, nullable: false), new Field("Text", StringType.Default, nullable: true)], null);

        var error = await Assert.ThrowsAsync<PipelineException>(async () =>
            await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Schema = other }, Cancel));

        Assert.Equal(FaultKind.Invalid, error.Kind);
        Assert.Contains("column key is long, not string; column text would be named Text", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Appends_that_name_their_columns_go_on_beside_a_new_one()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        var other = await TestTables.OpenAsync(_scratch.Store());
        var third = await TestTables.OpenAsync(_scratch.Store());
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Schema = WithCity });

        var named = await other.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Schema = TestTables.KeyAndText }, Cancel);
        var unnamed = await third.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend), Cancel);

        Assert.IsType<CommitResult.Committed>(named);
        Assert.Contains("version 1 changed the schema", Assert.IsType<CommitResult.Conflicted>(unnamed).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_column_may_be_named_once_apart_from_case()
    {
        var twice = new Schema([new Field("a", Int64Type.Default, nullable: true), new Field("A", Int64Type.Default, nullable: true)], null);

        var error = await Assert.ThrowsAsync<PipelineException>(async () =>
            await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", twice, [], TestTables.NoConfiguration, TimeProvider.System, Cancel));

        Assert.Contains("its name is used twice", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"protocol":{"minReaderVersion":1,"minWriterVersion":4}}""", "writer version 4 (changeDataFeed, generatedColumns)")]
    [InlineData("""{"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["rowTracking","domainMetadata"]}}""", "writer version 7 (domainMetadata, rowTracking)")]
    public async Task Tables_that_ask_more_of_writers_are_read_and_not_written(string protocol, string reason)
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        await File.WriteAllTextAsync(table.Store.LocalPath("t/_delta_log/00000000000000000001.json")!, protocol + "\n", Cancel);

        var reopened = await TestTables.OpenAsync(_scratch.Store());
        var error = await Assert.ThrowsAsync<PipelineException>(async () => await TestTables.AppendAsync(reopened, 1));

        Assert.Equal(1, reopened.Current.Version);
        Assert.Equal(FaultKind.Invalid, error.Kind);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_append_only_table_keeps_its_rows()
    {
        var table = await TestTables.OpenAsync(_scratch.Store(), configuration: new Dictionary<string, string> { ["delta.appendOnly"] = "true" });
        var snapshot = await TestTables.AppendAsync(table, 1);

        var error = await Assert.ThrowsAsync<PipelineException>(async () => await table.CommitAsync(new Transaction("DELETE", Isolation.ReadTable)
        {
            ReadVersion = 1,
            Removes = [TestTables.Remove(snapshot.Files.Single())],
        }, Cancel));

        Assert.Contains("append-only", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Versions_are_found_by_their_time()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var table = await TestTables.OpenAsync(_scratch.Store(), time: time);
        for (var key = 1; key <= 12; key++)
        {
            time.Advance(TimeSpan.FromHours(1));
            await TestTables.AppendAsync(table, key);
        }

        Assert.Equal(0, (await table.AtTimeAsync(At(0, 30), Cancel)).Version);
        Assert.Equal(5, (await table.AtTimeAsync(At(5, 0), Cancel)).Version);
        Assert.Equal(5, (await table.AtTimeAsync(At(5, 59), Cancel)).Version);
        Assert.Equal(12, (await table.AtTimeAsync(At(23, 0), Cancel)).Version);
        Assert.Equal([1, 2, 3], DuckDbRows.Keys(table, await table.AtVersionAsync(3, Cancel)));
        var early = await Assert.ThrowsAsync<PipelineException>(async () => await table.AtTimeAsync(At(-1, 0), Cancel));
        Assert.Contains("no version as old as 2025-12-31 23:00:00.000Z", early.Message, StringComparison.Ordinal);
        var late = await Assert.ThrowsAsync<PipelineException>(async () => await table.AtVersionAsync(13, Cancel));
        Assert.Contains("no version 13: its newest is 12", late.Message, StringComparison.Ordinal);
        await table.PendingCheckpoint;
    }

    [Fact]
    public async Task History_is_newest_first()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        await TestTables.AppendAsync(table, 1);

        List<(long, string?)> history = [];
        await foreach (var (version, info) in table.HistoryAsync(Cancel)) history.Add((version, info?.Operation));

        Assert.Equal([(1, "WRITE"), (0, "CREATE TABLE")], history);
    }

    private static DateTimeOffset At(int hour, int minute) => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddHours(hour).AddMinutes(minute);
}
