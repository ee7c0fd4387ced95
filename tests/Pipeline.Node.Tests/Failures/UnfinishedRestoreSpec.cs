using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>A lake of which only a part has been brought back has no node: it would make the other tables anew.</summary>
public sealed class UnfinishedRestoreSpec : IDisposable
{
    private const string Sources = """events { type = kafka, bootstrap = "localhost:1", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }""";

    private readonly ScratchDirectory _directory = new("pipeline-unfinished-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task On_a_lake_that_is_being_restored_no_node_starts()
    {
        var store = new LocalObjectStore(Path.Combine(_directory, "lake"));
        await store.PutAsync(UnfinishedRestore.Path, "\"2026-03-02T12:00:00+00:00\""u8.ToArray(), TestContext.Current.CancellationToken);

        var refused = await Assert.ThrowsAsync<PipelineException>(() => RunningNode.StartAsync(_directory, Sources));

        Assert.Equal((FaultKind.Invalid, $"Lake {store.Location}"), (refused.Kind, refused.Thing));
        Assert.Contains("its restore was cut off", refused.Cause, StringComparison.Ordinal);
        Assert.Contains("Run './pipeline restore' again", refused.NextStep, StringComparison.Ordinal);
        Assert.Null(await store.TryGetAsync("_pipeline/lake.json", TestContext.Current.CancellationToken));
    }
}
