using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.DuckDb;
using Pipeline.Operations.Inspection;
using Pipeline.Testing;

namespace Pipeline.Operations.Tests.Inspection;

/// <summary>A question to a table in a bucket fetches what it names.</summary>
public sealed class LakeQuerySpec : IDisposable
{
    private const int Rows = 6_000;

    private static readonly Schema Wide = new([new Field("key", Int64Type.Default, nullable: false), new Field("a text", StringType.Default, nullable: true), new Field("other", StringType.Default, nullable: true)], null);

    private readonly ScratchDirectory _directory = new("lake-query-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("count(*)", "", "6000", false)]
    [InlineData("key, count(*)", "GROUP BY key HAVING count(*) > 1 LIMIT 1", "", false)]
    [InlineData("count(DISTINCT key)", "WHERE KEY > 2999", "3000", false)]
    [InlineData("max(length(\"a text\"))", "", "120", true)]
    [InlineData("count(*)", "WHERE other IS NULL", "0", true)]
    [InlineData("count(*) FROM (SELECT *", ") AS s", "6000", true)]
    public async Task Columns_that_the_question_does_not_name_are_not_fetched(string select, string rest, string expected, bool isOfTexts)
    {
        var store = new FarStore(new LocalObjectStore(_directory));
        var table = await TableAsync(store);
        var size = table.Current.Files.Sum(file => file.Size);
        using var query = new LakeQuery(Cancel);
        var before = store.Ranged;

        var rows = await query.RowsAsync(table, table.Current, select, rest);

        Assert.Equal(expected, string.Join(' ', rows.Select(row => row[0])));
        Assert.InRange(store.Ranged - before, isOfTexts ? size / 4 : 1, isOfTexts ? size * 5 / 4 : size / 4);
    }

    [Fact]
    public async Task Of_a_relation_of_some_columns_no_others_are_fetched()
    {
        var store = new FarStore(new LocalObjectStore(_directory));
        var table = await TableAsync(store);
        using var query = new LakeQuery(Cancel);
        var before = store.Ranged;

        var relation = await query.RelationAsync(table, table.Current, [.. table.Current.FilesByPath.Keys], ["key", "of another table"], withOrigin: true);

        Assert.Equal(4_711L, Assert.Single(query.Rows($"SELECT {TableFiles.FileRow} FROM ({relation}) AS t WHERE key = 4711", table))[0]);
        Assert.InRange(store.Ranged - before, 1, table.Current.Files.Sum(file => file.Size) / 4);
    }

    private static async Task<DeltaTable> TableAsync(FarStore store)
    {
        var table = await DeltaTable.OpenOrCreateAsync(store, TableId.Bronze("app", "wide").ToString(), Wide, [], ImmutableDictionary<string, string>.Empty, TimeProvider.System, Cancel);
        await using var writer = await table.OpenDataFileAsync(Wide, ImmutableDictionary<string, string?>.Empty, new DataFileOptions(), Cancel);
        var random = new Random(3);
        StringArray Texts() => new StringArray.Builder().AppendRange(Enumerable.Range(0, Rows).Select(_ =>
        {
            var bytes = new byte[90];
            random.NextBytes(bytes);
            return Convert.ToBase64String(bytes);
        })).Build();
        using var batch = new RecordBatch(Wide, [new Int64Array.Builder().AppendRange(Enumerable.Range(0, Rows).Select(key => (long)key)).Build(), Texts(), Texts()], Rows);
        writer.Write(batch);
        var added = await writer.CompleteAsync(Cancel);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [added] }, Cancel));
        return table;
    }
}
