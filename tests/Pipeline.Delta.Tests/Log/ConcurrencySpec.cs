using Pipeline.Delta.Log;

namespace Pipeline.Delta.Tests.Log;

public sealed class ConcurrencySpec : IDisposable
{
    private const int Writers = 8;
    private const int Commits = 200;

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    /// <param name="faults">The share of requests that fail, are slow or lose their answer.</param>
    [Theory]
    [InlineData(0)]
    [InlineData(0.3)]
    public async Task Eight_processes_make_every_version_and_every_row_once(double faults)
    {
        await TestTables.OpenAsync(_scratch.Store(), configuration: new Dictionary<string, string> { ["delta.checkpointInterval"] = "50" });

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer =>
            ChildProcess.StartAsync(AppendingProcess.Arguments(_scratch.Root, writer, Commits, faults))));

        var table = await TestTables.OpenAsync(_scratch.Store());
        Assert.Equal(Writers * Commits, table.Current.Version);
        Assert.All(Enumerable.Range(0, Writers), writer => Assert.Equal(Commits, table.Current.Position($"writer/{writer}")));
        Assert.Equal(Enumerable.Range(0, Writers * Commits).Select(key => (long)key), DuckDbRows.Keys(table, table.Current));
        var versions = 0L;
        await foreach (var (version, actions) in table.ChangesAsync(0, table.Current.Version, Cancel))
        {
            Assert.Equal(++versions, version);
            Assert.Single(actions.OfType<AddFile>());
        }
    }

    [Fact]
    public async Task Threads_that_share_a_table_do_not_race_each_other()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());

        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 10; i++) await TestTables.AppendAsync(table, (writer * 10) + i);
        }, Cancel)));

        Assert.Equal(80, table.Current.Version);
        Assert.Equal(Enumerable.Range(0, 80).Select(key => (long)key), DuckDbRows.Keys(table, table.Current));
    }
}
