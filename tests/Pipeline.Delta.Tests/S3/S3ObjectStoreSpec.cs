using System.Text;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.S3;

public sealed class S3ObjectStoreSpec(S3StandIn s3)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static bool IsConditional(ProxiedRequest request) => request.IsConditional;

    private static bool IsGet(ProxiedRequest request) => request.Method == "GET";

    [Fact]
    public async Task The_first_of_two_conditional_writes_stays()
    {
        await using var bucket = await s3.BucketAsync(Cancel);

        Assert.Equal(PutOutcome.Created, await bucket.Store.PutIfAbsentAsync("t/a", Bytes("first"), Cancel));
        Assert.Equal(PutOutcome.Exists, await bucket.Store.PutIfAbsentAsync("t/a", Bytes("second"), Cancel));

        Assert.Equal("first", Text(await bucket.Store.TryGetAsync("t/a", Cancel)));
        var key = Assert.Single((await bucket.Direct.ListObjectsV2Async(new Amazon.S3.Model.ListObjectsV2Request { BucketName = bucket.Name }, Cancel)).S3Objects).Key;
        Assert.Equal("some/prefix/t/a", key);
    }

    [Fact]
    public async Task A_conflict_with_a_write_under_way_is_tried_again()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        bucket.Proxy.Inject(new ProxyFault.Answer(409, "ConditionalRequestConflict"), IsConditional, times: 3);

        Assert.Equal(PutOutcome.Created, await bucket.Store.PutIfAbsentAsync("a", Bytes("x"), Cancel));

        Assert.Equal(4, bucket.Proxy.Requests.Count(IsConditional));
    }

    public static TheoryData<ProxyFault, bool> Uncertain => new()
    {
        { new ProxyFault.Answer(500, "InternalError"), false },
        { new ProxyFault.Answer(503, "SlowDown"), false },
        { new ProxyFault.AnswerAfterActing(500, "InternalError"), true },
        { new ProxyFault.AnswerAfterActing(504, "GatewayTimeout"), true },
        { new ProxyFault.Drop(), false },
        { new ProxyFault.DropAfterActing(), true },
        { new ProxyFault.Stall(), true },
    };

    [Theory]
    [MemberData(nameof(Uncertain))]
    public async Task A_conditional_write_without_an_answer_is_ambiguous_and_is_not_repeated(ProxyFault fault, bool isThere)
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var time = new FakeTimeProvider();
        bucket.Proxy.Inject(fault, IsConditional);

        var writing = bucket.Open(time: time).PutIfAbsentAsync("a", Bytes("x"), Cancel).AsTask();
        if (fault is ProxyFault.Stall stall)
        {
            await stall.Acted.WaitAsync(Cancel);
            time.Advance(bucket.Options.RequestTimeout);
        }

        Assert.Equal(PutOutcome.Ambiguous, await writing);

        Assert.Equal(1, bucket.Proxy.Requests.Count(IsConditional));
        Assert.Equal(isThere ? "x" : null, Text(await bucket.Store.TryGetAsync("a", Cancel)));
    }

    [Fact]
    public async Task Everything_else_succeeds_while_a_third_of_the_requests_fails()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        FailAtRandom(bucket.Proxy, seed: 7);
        var content = Enumerable.Range(0, 100_000).Select(i => (byte)(i * 7)).ToArray();

        for (var i = 0; i < 20; i++)
        {
            await bucket.Store.PutAsync($"d/{i:00}", content, Cancel);
            Assert.Equal(content, await bucket.Store.TryGetAsync($"d/{i:00}", Cancel));
            Assert.Equal(content.Length, (await bucket.Store.TryStatAsync($"d/{i:00}", Cancel))!.Value.Size);
            Assert.Equal(content[500..1500], await bucket.Store.GetRangeAsync($"d/{i:00}", 500, 1000, Cancel));
            if (i % 2 == 0) await bucket.Store.DeleteAsync($"d/{i:00}", Cancel);
        }

        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"d/{i * 2 + 1:00}"), await PathsAsync(bucket.Store, "d/", null));
        Assert.True(bucket.Proxy.Injected.Count > 10, $"{bucket.Proxy.Injected.Count} faults");
    }

    [Fact]
    public async Task What_is_not_there_is_null_and_may_be_deleted()
    {
        await using var bucket = await s3.BucketAsync(Cancel);

        Assert.Null(await bucket.Store.TryGetAsync("none", Cancel));
        Assert.Null(await bucket.Store.TryStatAsync("none", Cancel));
        await bucket.Store.DeleteAsync("none", Cancel);
    }

    /// <summary>What the client itself finds wrong with an answer came of the way here, as a lost connection does.</summary>
    public static TheoryData<ProxyFault> Spoilt => new() { new ProxyFault.Flip(), new ProxyFault.Truncate() };

    [Theory]
    [MemberData(nameof(Spoilt))]
    public async Task An_answer_that_was_spoilt_on_its_way_is_asked_for_again(ProxyFault fault)
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        foreach (var size in (int[])[1, 10, 1_000, 100_000, 3_000_000])
        {
            var content = Enumerable.Range(0, size).Select(i => (byte)(i * 7)).ToArray();
            await bucket.Store.PutAsync($"o/{size}", content, Cancel);
            bucket.Proxy.Inject(fault, IsGet, times: 2);

            Assert.Equal(content, await bucket.Store.TryGetAsync($"o/{size}", Cancel));
        }

        Assert.Equal(10, bucket.Proxy.Injected.Count);
    }

    [Fact]
    public async Task An_answer_that_stays_spoilt_is_a_store_out_of_reach()
    {
        await using var bucket = await s3.BucketAsync(Cancel, options => options with { Retry = options.Retry with { AttemptsMax = 3 } });
        await bucket.Store.PutAsync("a", Bytes("content"), Cancel);
        bucket.Proxy.Inject(new ProxyFault.Flip(), IsGet, times: 3);

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await bucket.Store.TryGetAsync("a", Cancel));

        Assert.Equal(FaultKind.Unreachable, failure.Kind);
        Assert.Equal(3, bucket.Proxy.Injected.Count);
    }

    /// <summary>What stands between here and a store may answer in its place: that a success came says nothing.</summary>
    public static TheoryData<string> NoAnswers =>
    [
        "", "<html><body>Sign in to this network</body></html>", "<!DOCTYPE html><html><body>Sign in<br></html>", "<Error><Code>InternalError</Code><Message>x</Message></Error>",
        "<ListBucketResult><Name>x</Name><IsTruncated>true</IsTruncated></ListBucketResult>",
    ];

    [Theory]
    [MemberData(nameof(NoAnswers))]
    public async Task A_success_that_is_none_of_the_store_is_not_believed(string body)
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var asked = new System.Collections.Concurrent.ConcurrentDictionary<(string, string), bool>();
        await bucket.Store.PutAsync("there", Bytes("content"), Cancel);
        bucket.Proxy.Use(request => asked.TryAdd((request.Method, request.Target), true) ? new ProxyFault.AnswerWith(200, body, "text/html") : null);

        Assert.Equal(PutOutcome.Ambiguous, await bucket.Store.PutIfAbsentAsync("first", Bytes("x"), Cancel));
        Assert.Null(await bucket.Store.TryGetAsync("first", Cancel));
        Assert.Equal(7, (await bucket.Store.TryStatAsync("there", Cancel))?.Size);
        Assert.Equal("content", Text(await bucket.Store.TryGetAsync("there", Cancel)));
        asked.Clear();
        Assert.Equal(Bytes("ten"), await bucket.Store.GetRangeAsync("there", 3, 3, Cancel));
        await bucket.Store.PutAsync("small", Bytes("x"), Cancel);
        await using (var upload = await bucket.Store.OpenUploadAsync("large", Cancel))
        {
            await upload.Content.WriteAsync(new byte[11 << 20], Cancel);
            Assert.Equal(11 << 20, await upload.CompleteAsync(Cancel));
        }

        Assert.Equal(["large", "small", "there"], await PathsAsync(bucket.Store, "", null));
        Assert.Equal((1L, 11L << 20), ((await bucket.Store.TryStatAsync("small", Cancel))!.Value.Size, (await bucket.Store.TryStatAsync("large", Cancel))!.Value.Size));
        await foreach (var unfinished in bucket.Store.ListUnfinishedAsync("", Cancel)) await bucket.Store.AbandonAsync(unfinished, Cancel);
    }

    [Theory]
    [InlineData(90, 20)]
    [InlineData(200, 1)]
    public async Task A_range_beyond_the_end_is_damage(long offset, int length)
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        await bucket.Store.PutAsync("a", new byte[100], Cancel);

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await bucket.Store.GetRangeAsync("a", offset, length, Cancel));

        Assert.Equal(FaultKind.Damaged, failure.Kind);
        Assert.Contains($"s3://{bucket.Name}/some/prefix/a", failure.Message);
    }

    [Fact]
    public async Task Listings_are_ordered_and_begin_at_a_path_across_pages()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        await Parallel.ForEachAsync(Enumerable.Range(0, 1_050), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancel },
            async (i, cancel) => await bucket.Direct.PutObjectAsync(new Amazon.S3.Model.PutObjectRequest { BucketName = bucket.Name, Key = $"some/prefix/t/_delta_log/{i:00000000000000000000}.json", ContentBody = "x" }, cancel));
        await bucket.Store.PutAsync("t/_delta_logs/other", Bytes("x"), Cancel);
        static string Name(int i) => $"t/_delta_log/{i:00000000000000000000}";

        Assert.Equal(Enumerable.Range(0, 1_050).Select(i => Name(i) + ".json"), await PathsAsync(bucket.Store, "t/_delta_log/", null));
        foreach (var start in (int[])[0, 9, 10, 19, 999, 1_000, 1_049])
            Assert.Equal(Enumerable.Range(start, 1_050 - start).Select(i => Name(i) + ".json"), await PathsAsync(bucket.Store, "t/_delta_log/", Name(start)));
        Assert.Empty(await PathsAsync(bucket.Store, "t/_delta_log/", Name(1_050)));
    }

    [Theory]
    [InlineData("_ingest_date=2024-01-01/part-0.parquet")]
    [InlineData("with space & ampersand+plus%2F.json")]
    [InlineData("ünïcödé/日本.json")]
    [InlineData("a(1)!*'~$,;:@=.json")]
    public async Task Any_path_is_a_key(string path)
    {
        await using var bucket = await s3.BucketAsync(Cancel);

        await bucket.Store.PutAsync(path, Bytes("x"), Cancel);

        Assert.Equal("x", Text(await bucket.Store.TryGetAsync(path, Cancel)));
        Assert.Equal([path], await PathsAsync(bucket.Store, "", null));
    }

    [Fact]
    public async Task A_missing_bucket_is_named()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        using var store = new S3ObjectStore(S3Location.Parse("s3://absent-bucket/lake"), bucket.Options, TimeProvider.System, S3StandIn.Credentials);

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await store.PutIfAbsentAsync("a", Bytes("x"), Cancel));

        Assert.Equal(FaultKind.Missing, failure.Kind);
        Assert.Contains("s3://absent-bucket/lake", failure.Message);
        Assert.Equal(FaultKind.Missing, (await Assert.ThrowsAsync<PipelineException>(async () => await store.TryGetAsync("a", Cancel))).Kind);
    }

    [Fact]
    public async Task An_endpoint_with_a_path_is_not_a_missing_bucket()
    {
        await using var bucket = await s3.BucketAsync(Cancel, options => options with { Endpoint = new Uri(options.Endpoint!, "minio/") });

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await bucket.Store.PutIfAbsentAsync("a", Bytes("x"), Cancel));

        Assert.Equal(FaultKind.Invalid, failure.Kind);
        Assert.Contains("has a path", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(403, "AccessDenied", FaultKind.NotAuthorised, "rights")]
    [InlineData(403, "RequestTimeTooSkewed", FaultKind.Invalid, "clock")]
    [InlineData(400, "InvalidArgument", FaultKind.Invalid, "lake.s3")]
    [InlineData(503, "ServiceUnavailable", FaultKind.Unreachable, "health")]
    [InlineData(503, "SlowDown", FaultKind.Unreachable, "what else uses it")]
    [InlineData(400, "RequestTimeout", FaultKind.Unreachable, "means by it")]
    [InlineData(400, "ExpiredToken", FaultKind.Unreachable, "credentials of this process have run out")]
    [InlineData(400, "TokenRefreshRequired", FaultKind.Unreachable, "credentials of this process have run out")]
    [InlineData(403, "SomethingNew", FaultKind.Unreachable, "stands in front of it")]
    [InlineData(401, "SomethingNew", FaultKind.Unreachable, "stands in front of it")]
    [InlineData(418, "SomethingNew", FaultKind.Unreachable, "stands in front of it")]
    [InlineData(403, "InvalidAccessKeyId", FaultKind.NotAuthorised, "credentials")]
    public async Task A_refusal_has_its_kind_and_what_helps_and_only_transient_ones_are_repeated(int status, string code, FaultKind kind, string helps)
    {
        await using var bucket = await s3.BucketAsync(Cancel, options => options with { Retry = options.Retry with { AttemptsMax = 4 } });
        bucket.Proxy.Use(_ => new ProxyFault.Answer(status, code));

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await bucket.Store.TryGetAsync("a", Cancel));

        Assert.Equal(kind, failure.Kind);
        Assert.Contains(code, failure.Message);
        Assert.Contains(helps, failure.NextStep, StringComparison.Ordinal);
        Assert.Equal(kind == FaultKind.Unreachable ? 4 : 1, bucket.Proxy.Requests.Count(IsGet));
    }

    [Theory]
    [InlineData(403, "AccessDenied", FaultKind.NotAuthorised)]
    [InlineData(403, "RequestTimeTooSkewed", FaultKind.Invalid)]
    [InlineData(403, "SomethingNew", FaultKind.Unreachable)]
    [InlineData(401, "SomethingNew", FaultKind.Unreachable)]
    [InlineData(400, "ExpiredToken", FaultKind.Unreachable)]
    public async Task A_refused_look_has_the_reason_that_reading_has_though_its_answer_holds_none(int status, string code, FaultKind kind)
    {
        await using var bucket = await s3.BucketAsync(Cancel, options => options with { Retry = options.Retry with { AttemptsMax = 2 } });
        bucket.Proxy.Use(_ => new ProxyFault.Answer(status, code));

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await bucket.Store.TryStatAsync("a", Cancel));

        Assert.Equal(kind, failure.Kind);
        Assert.Contains(code, failure.Message);
    }

    [Fact]
    public async Task A_service_that_is_not_there_is_unreachable_and_a_write_to_it_ambiguous()
    {
        await using var bucket = await s3.BucketAsync(Cancel, options => options with { Retry = options.Retry with { AttemptsMax = 2 } });
        await bucket.Proxy.DisposeAsync();

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await bucket.Store.TryGetAsync("a", Cancel));

        Assert.Equal(FaultKind.Unreachable, failure.Kind);
        Assert.Equal(PutOutcome.Ambiguous, await bucket.Store.PutIfAbsentAsync("a", Bytes("x"), Cancel));
    }

    [Fact]
    public async Task The_callers_cancellation_is_no_fault_of_the_store()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        bucket.Proxy.Use(_ =>
        {
            stop.Cancel();
            return new ProxyFault.Stall();
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await bucket.Store.PutIfAbsentAsync("a", Bytes("x"), stop.Token));
    }

    [Theory]
    [InlineData(S3Encryption.None, "", null, null)]
    [InlineData(S3Encryption.S3, "", "AES256", null)]
    [InlineData(S3Encryption.Kms, "", "aws:kms", null)]
    [InlineData(S3Encryption.Kms, "alias/lake", "aws:kms", "alias/lake")]
    public async Task Objects_are_encrypted_as_configured(S3Encryption encryption, string key, string? method, string? keyId)
    {
        await using var bucket = await s3.BucketAsync(Cancel, options => options with { Encryption = encryption, KmsKey = key });

        await bucket.Store.PutIfAbsentAsync("small", Bytes("x"), Cancel);
        await using (var upload = await bucket.Store.OpenUploadAsync("large", Cancel))
        {
            await upload.Content.WriteAsync(new byte[11 << 20], Cancel);
            await upload.CompleteAsync(Cancel);
        }

        foreach (var path in (string[])["small", "large"])
        {
            var found = await bucket.Direct.GetObjectMetadataAsync(bucket.Name, $"some/prefix/{path}", Cancel);
            if (method is not null) Assert.Equal(method, found.ServerSideEncryptionMethod?.Value);
            Assert.Equal(keyId, found.ServerSideEncryptionKeyManagementServiceKeyId);
        }
    }

    [Theory]
    [InlineData("s3://lake", "lake", "", "t/a")]
    [InlineData("s3://lake/", "lake", "", "t/a")]
    [InlineData("s3://my.lake-1/a/b/", "my.lake-1", "a/b", "a/b/t/a")]
    public void A_location_is_a_bucket_and_a_prefix(string text, string bucket, string prefix, string key)
    {
        var location = S3Location.Parse(text);

        Assert.Equal((bucket, prefix, key), (location.Bucket, location.Prefix, location.Key("t/a")));
        Assert.Equal("t/a", location.PathOf(key));
        Assert.Equal(location, S3Location.Parse(location.ToString()));
    }

    [Theory]
    [InlineData("s3://")]
    [InlineData("s3:///prefix")]
    [InlineData("s3://UPPER/prefix")]
    [InlineData("/data/lake")]
    [InlineData("s3://ab")]
    public void What_names_no_bucket_is_refused(string text) =>
        Assert.Equal(FaultKind.Invalid, Assert.Throws<PipelineException>(() => S3Location.Parse(text)).Kind);

    /// <summary>A third of all requests fails; conditional ones also with 409.</summary>
    internal static void FailAtRandom(FaultProxy proxy, int seed, double share = 0.3)
    {
        var random = new Random(seed);
        ProxyFault[] faults =
        [
            new ProxyFault.Answer(500, "InternalError"), new ProxyFault.Answer(503, "SlowDown"), new ProxyFault.AnswerAfterActing(500, "InternalError"),
            new ProxyFault.Drop(), new ProxyFault.DropAfterActing(), new ProxyFault.Truncate(),
        ];
        proxy.Use(request =>
        {
            lock (random)
            {
                if (random.NextDouble() >= share) return null;
                var fault = faults[random.Next(faults.Length)];
                if (request.IsConditional && random.Next(4) == 0) return new ProxyFault.Answer(409, "ConditionalRequestConflict");
                return fault;
            }
        });
    }

    internal static async Task<List<string>> PathsAsync(S3ObjectStore store, string prefix, string? startAt)
    {
        List<string> paths = [];
        await foreach (var found in store.ListAsync(prefix, startAt, Cancel)) paths.Add(found.Path);
        return paths;
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string? Text(byte[]? content) => content is null ? null : Encoding.UTF8.GetString(content);
}
