using Pipeline.Core.Metrics;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.S3;

/// <summary>What S3 is paid for is counted: each request, by what it asks for, and the bytes.</summary>
public sealed class S3RequestCountSpec(S3StandIn s3)
{
    private const int Part = 5 << 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_request_is_counted_by_what_it_asks_for_and_how_it_ended()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        using var measured = new Measurements("bucket", bucket.Name);
        var store = bucket.Store;
        await store.PutIfAbsentAsync("a", new byte[1_000], Cancel);
        await store.PutIfAbsentAsync("a", new byte[1_000], Cancel);
        await store.TryGetAsync("none", Cancel);
        await store.GetRangeAsync("a", 10, 20, Cancel);
        await store.TryStatAsync("a", Cancel);
        await S3ObjectStoreSpec.PathsAsync(store, "", null);
        await using (var upload = await store.OpenUploadAsync("large", Cancel))
        {
            await upload.Content.WriteAsync(new byte[Part + 1], Cancel);
            await upload.CompleteAsync(Cancel);
        }

        await bucket.Direct.InitiateMultipartUploadAsync(bucket.Name, "some/prefix/abandoned", Cancel);
        await foreach (var unfinished in store.ListUnfinishedAsync("", Cancel)) await store.AbandonAsync(unfinished, Cancel);
        await store.DeleteAsync("large", Cancel);
        bucket.Proxy.Inject(new ProxyFault.Answer(503, "SlowDown"), request => request.Method == "GET", times: 2);
        await store.TryGetAsync("a", Cancel);
        bucket.Proxy.Inject(new ProxyFault.Drop(), request => request.Method == "DELETE");
        await store.DeleteAsync("a", Cancel);

        (string Operation, string Outcome, int Times)[] expected =
        [
            ("PutObject", "succeeded", 1), ("PutObject", "refused", 1), ("GetObject", "refused", 1), ("GetObject", "succeeded", 2), ("GetObject", "failed", 2), ("HeadObject", "succeeded", 1),
            ("ListObjectsV2", "succeeded", 1), ("CreateMultipartUpload", "succeeded", 1), ("UploadPart", "succeeded", 2), ("CompleteMultipartUpload", "succeeded", 1),
            ("AbortMultipartUpload", "succeeded", 1), ("ListMultipartUploads", "succeeded", 1), ("DeleteObject", "succeeded", 2), ("DeleteObject", "failed", 1),
        ];
        Assert.Equal(expected, expected.Select(request => (request.Operation, request.Outcome, (int)measured.Sum(Instruments.S3Requests, bucket.Name, request.Operation, request.Outcome))));
        Assert.Equal(bucket.Proxy.Requests.Count, measured.Sum(Instruments.S3Requests));
        Assert.Equal(2_000, measured.Sum(Instruments.S3Sent, bucket.Name, "PutObject"));
        Assert.Equal(Part + 1, measured.Sum(Instruments.S3Sent, bucket.Name, "UploadPart"));
    }

    [Fact]
    public async Task Bytes_of_answers_are_counted_as_they_are_read()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        await bucket.Store.PutAsync("a", new byte[100_000], Cancel);
        using var measured = new Measurements("bucket", bucket.Name);
        var before = bucket.Proxy.AnsweredBytes;

        await bucket.Store.GetRangeAsync("a", 500, 1_500, Cancel);
        Assert.Equal(1_500, measured.Sum(Instruments.S3Received, bucket.Name, "GetObject"));
        await bucket.Store.TryGetAsync("a", Cancel);

        Assert.Equal(101_500, measured.Sum(Instruments.S3Received, bucket.Name, "GetObject"));
        Assert.Equal(bucket.Proxy.AnsweredBytes - before, measured.Sum(Instruments.S3Received));
    }
}
