using Pipeline.Testing;

namespace Pipeline.Delta.Tests.Log;

/// <summary>Checkpoints that were changed by chance. A class of its own: each opens a table by the native reader, so that they take as long as all others.</summary>
public sealed class CheckpointFuzzSpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Checkpoints()
    {
        var (store, table) = await DecoderFuzzSpec.TableAsync();
        var good = (await store.TryGetAsync($"t/_delta_log/{10:D20}.checkpoint.parquet", Cancel))!;
        for (var version = 0; version < 10; version++) await store.DeleteAsync($"t/_delta_log/{version:D20}.json", Cancel);
        await new Fuzz([good]).RunAsync(input =>
        {
            store.PutAsync($"t/_delta_log/{10:D20}.checkpoint.parquet", input, Cancel).AsTask().GetAwaiter().GetResult();
            _ = DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, Cancel).AsTask().GetAwaiter().GetResult()!.Current.RowCount;
        }, DecoderFuzzSpec.IsOfData);
    }

    [Fact]
    public async Task Hints_beside_a_checkpoint()
    {
        var (store, _) = await DecoderFuzzSpec.TableAsync();
        await new Fuzz(["""{"version":10,"size":13,"sizeInBytes":4000,"numOfAddFiles":10}"""]).RunAsync(input =>
        {
            store.PutAsync("t/_delta_log/_last_checkpoint", input, Cancel).AsTask().GetAwaiter().GetResult();
            Assert.Equal(12, DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, Cancel).AsTask().GetAwaiter().GetResult()!.Current.Version);
        }, _ => false, Fuzz.Inputs / 10);
    }
}
