namespace Pipeline.Delta.Tests.S3;

/// <summary>Processes that append to one table in a bucket.</summary>
public sealed class S3ConcurrencySpec(S3StandIn s3)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <param name="share">Of all requests that fail, are refused with 409, or lose their answer.</param>
    [Theory]
    [InlineData(8, 200, 0, true)]
    [InlineData(8, 200, 0.3, true)]
    [InlineData(8, 60, 0.3, false)]
    public async Task Processes_make_every_version_and_every_row_once(int writers, int commits, double share, bool isLong)
    {
        Assert.SkipWhen(isLong && !ChildProcess.IsNightly, "Takes minutes: set PIPELINE_NIGHTLY=1.");
        await using var bucket = await s3.BucketAsync(Cancel);
        await TestTables.OpenAsync(bucket.Store, configuration: new Dictionary<string, string> { ["delta.checkpointInterval"] = "50" });
        if (share > 0) S3ObjectStoreSpec.FailAtRandom(bucket.Proxy, seed: 5, share);

        await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => ChildProcess.StartAsync(S3AppendingProcess.Arguments(bucket, writer, commits))));

        bucket.Proxy.Use(_ => null);
        TestContext.Current.TestOutputHelper?.WriteLine($"{bucket.Proxy.Requests.Count} requests, {bucket.Proxy.Injected.Count} faults");
        await S3Tables.AssertEveryCommitOnceAsync(bucket.Store, writers, commits);
    }
}
