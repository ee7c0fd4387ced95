using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.S3;

/// <summary>Every request is checked by an independent reading of Signature Version 4.</summary>
public sealed class S3SignatureSpec(S3StandIn s3)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(S3Checksums.WhenRequired)]
    [InlineData(S3Checksums.WhenSupported)]
    public async Task Every_kind_of_request_is_signed_as_amazon_reads_it(S3Checksums checksums)
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var (check, missing) = await AwsWireCheck.TryStartAsync(bucket.Upstream, Cancel);
        Assert.SkipWhen(check is null, missing);
        await using var checking = check;
        var store = bucket.Open(options => options with { Endpoint = check.Url, Checksums = checksums, Encryption = S3Encryption.Kms, KmsKey = "alias/lake" });

        await store.PutIfAbsentAsync("p=1/a b+%.json", new byte[1_000], Cancel);
        Assert.Equal(PutOutcome.Exists, await store.PutIfAbsentAsync("p=1/a b+%.json", new byte[1_000], Cancel));
        await store.PutAsync("empty", Array.Empty<byte>(), Cancel);
        await store.TryGetAsync("p=1/a b+%.json", Cancel);
        await store.TryStatAsync("p=1/a b+%.json", Cancel);
        await store.GetRangeAsync("p=1/a b+%.json", 10, 20, Cancel);
        Assert.Equal(["empty", "p=1/a b+%.json"], await S3ObjectStoreSpec.PathsAsync(store, "", null));
        await using (var upload = await store.OpenUploadAsync("large", Cancel))
        {
            await upload.Content.WriteAsync(new byte[(5 << 20) + 1], Cancel);
            await upload.CompleteAsync(Cancel);
        }

        await using (var abandoned = await store.OpenUploadAsync("abandoned", Cancel))
        {
            await abandoned.Content.WriteAsync(new byte[(5 << 20) + 1], Cancel);
            await abandoned.Content.WriteAsync(new byte[5 << 20], Cancel);
        }

        await store.DeleteAsync("large", Cancel);

        var verdicts = await check.EndAsync();
        Assert.True(verdicts.Count >= 12, $"{verdicts.Count} requests were seen.");
        Assert.All(verdicts, verdict => Assert.True(verdict.Request.Count == 0, verdict.ToString()));
    }

    [Fact]
    public async Task A_wrong_secret_would_be_noticed()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var (check, missing) = await AwsWireCheck.TryStartAsync(bucket.Upstream, Cancel, secret: "another");
        Assert.SkipWhen(check is null, missing);
        await using var checking = check;
        var store = bucket.Open(options => options with { Endpoint = check.Url });

        await store.PutAsync("a", new byte[10], Cancel);

        Assert.Contains(await check.EndAsync(), verdict => verdict.Request.Contains("SignatureDoesNotMatch"));
    }
}
