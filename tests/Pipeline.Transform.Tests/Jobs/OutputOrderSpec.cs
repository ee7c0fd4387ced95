using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

public sealed class OutputOrderSpec : IDisposable
{
    private readonly TestLake _lake = new(TestGraph.Of(""));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Rows_lie_in_the_order_of_their_output_and_files_in_ranges_of_it()
    {
        var files = await WriteAsync("place", "id");

        using var session = _lake.OpenSession();
        var ranges = new List<(long Low, long High)>();
        foreach (var path in files)
        {
            var file = $"read_parquet('{_lake.Lake.Store.LocalPath("gold/t/" + path)}', file_row_number = true)";
            Assert.Equal(0L, session.Scalar($"SELECT count(*) FROM (SELECT (place, id) < lag((place, id)) OVER (ORDER BY file_row_number) AS is_before FROM {file}) WHERE is_before"));
            var row = Assert.Single(session.Rows($"SELECT min(place * 1000000 + id), max(place * 1000000 + id) FROM {file}"));
            ranges.Add(((long)row[0]!, (long)row[1]!));
        }

        ranges.Sort();
        Assert.True(ranges.Count > 1);
        for (var i = 1; i < ranges.Count; i++) Assert.True(ranges[i - 1].High < ranges[i].Low);
    }

    /// <summary>Many rows, several threads, small files.</summary>
    private async Task<IEnumerable<string>> WriteAsync(params string[] order)
    {
        JobColumn[] columns = [new("id", "long"), new("place", "long"), new("text", "string")];
        var document = new JobDocument
        {
            Format = JobDocument.CurrentFormat,
            Dialect = SqlDialect.DuckDb.Engine,
            Run = new DocumentRun(TableId.Gold("t"), 1),
            Root = "/",
            Outputs = [new JobOutput("gold/t", "gold/t", [.. columns]) { Order = [.. order], TargetBytes = 1_000_000 }],
            Steps =
            [
                new DefineStep("rows", "SELECT i AS id, i * 7919 % 101 AS place, sha256(CAST(i AS VARCHAR)) AS text FROM range(500000) r(i)") { Keep = true },
                new WriteStep("gold/t", "rows"),
            ],
        };
        var engine = new DuckDbEngine(_lake.Lake.Store, _lake.Options with { Threads = 4, MemoryBytesMax = 512L << 20 });
        var handle = await engine.SubmitAsync(document.ToUtf8(), "1", Cancel);
        JobState state = new JobState.Running();
        while (state is JobState.Running) state = await engine.ObserveAsync(handle, Cancel);
        if (state is JobState.Failed failed) throw failed.Cause;
        return Assert.IsType<JobState.Answered>(state).Answer.Outputs.Single().Files.Select(file => file.Path);
    }
}
