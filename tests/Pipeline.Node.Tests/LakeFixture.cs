using Apache.Arrow;
using Apache.Arrow.Types;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;

namespace Pipeline.Node.Tests;

/// <summary>A small lake in a directory of its own.</summary>
internal sealed class LakeFixture : IDisposable
{
    private static readonly Schema People = new([new Field("id", Int64Type.Default, nullable: false), new Field("name", StringType.Default, nullable: true)], null);

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("pipeline-lake-").FullName;

    /// <summary>A Monday noon that stands still.</summary>
    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));

    public Lake Lake => new(new LocalObjectStore(Directory), Time);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Adds a commit with rows <c>(1, name1), (2, name2), …</c>; makes the table when there is none.</summary>
    public async Task AppendAsync(TableId id, params string?[] names)
    {
        var isBronze = id.Layer == Layer.Bronze;
        var schema = isBronze ? new Schema([.. People.FieldsList, BronzeColumns.IngestDateField], null) : People;
        var table = await Lake.OpenOrCreateAsync(id, schema, isBronze ? [BronzeColumns.IngestDate] : [], new Dictionary<string, string>(StringComparer.Ordinal), Cancellation);
        var partition = isBronze ? new Dictionary<string, string?>(StringComparer.Ordinal) { [BronzeColumns.IngestDate] = "2026-03-02" } : [];
        await using var file = await table.OpenDataFileAsync(People, partition, new DataFileOptions(), Cancellation);
        using var rows = new RecordBatch(People,
        [
            new Int64Array.Builder().AppendRange(Enumerable.Range(1, names.Length).Select(i => (long)i)).Build(),
            new StringArray.Builder().AppendRange(names).Build(),
        ], names.Length);
        file.Write(rows);
        var result = await table.CommitAsync(new Transaction("APPEND", Isolation.BlindAppend) { Adds = [await file.CompleteAsync(Cancellation)] }, Cancellation);
        Assert.IsType<CommitResult.Committed>(result);
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);
}
