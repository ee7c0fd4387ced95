using Amazon.S3.Model;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.S3;

public sealed class S3UploadSpec(S3StandIn s3)
{
    private const int PartBytes = 5 << 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1_000, 0)]
    [InlineData(PartBytes, 0)]
    [InlineData(PartBytes + 1, 2)]
    [InlineData(3 * PartBytes, 3)]
    [InlineData(3 * PartBytes + 12_345, 4)]
    public async Task An_upload_holds_what_was_written_in_as_many_parts_as_it_needs(int size, int parts)
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var content = Content(size);

        await WriteAsync(bucket.Store, "large", content, isSynchronous: size % 2 == 0);

        Assert.Equal(content, await bucket.Store.TryGetAsync("large", Cancel) ?? []);
        Assert.Equal(parts, bucket.Proxy.Requests.Count(IsPart));
    }

    [Fact]
    public async Task Parts_are_sent_again_while_requests_fail()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var content = Content(3 * PartBytes + 99);
        S3ObjectStoreSpec.FailAtRandom(bucket.Proxy, seed: 11);

        for (var i = 0; i < 5; i++)
        {
            await WriteAsync(bucket.Store, $"large-{i}", content, isSynchronous: false);
            Assert.Equal(content, await bucket.Store.TryGetAsync($"large-{i}", Cancel));
        }

        Assert.NotEmpty(bucket.Proxy.Injected);
    }

    [Fact]
    public async Task A_completion_whose_answer_was_lost_is_recognised()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var content = Content(PartBytes + 1);
        bucket.Proxy.Inject(new ProxyFault.DropAfterActing(), request => request.Method == "POST" && request.Target.Contains("uploadId=", StringComparison.Ordinal));

        await WriteAsync(bucket.Store, "large", content, isSynchronous: false);

        Assert.Single(bucket.Proxy.Injected);
        Assert.Equal(content, await bucket.Store.TryGetAsync("large", Cancel));
    }

    [Fact]
    public async Task An_abandoned_upload_leaves_nothing_behind()
    {
        await using var bucket = await s3.BucketAsync(Cancel);

        await using (var upload = await bucket.Store.OpenUploadAsync("large", Cancel))
            await upload.Content.WriteAsync(Content(2 * PartBytes + 5), Cancel);
        await using (var small = await bucket.Store.OpenUploadAsync("small", Cancel))
            await small.Content.WriteAsync(Content(5), Cancel);

        Assert.Empty(await S3ObjectStoreSpec.PathsAsync(bucket.Store, "", null));
        var pending = await bucket.Direct.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = bucket.Name }, Cancel);
        Assert.Empty(pending.MultipartUploads ?? []);
    }

    /// <summary>The service says that every upload began at the same moment: the table's clock decides what is old.</summary>
    [Theory]
    [InlineData(23, 0)]
    [InlineData(25, 1)]
    public async Task Vacuum_aborts_what_a_writer_that_is_gone_has_begun_a_day_ago(int hours, int aborted)
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var table = await TestTables.OpenAsync(bucket.Store);
        await TestTables.AppendAsync(table, 1);
        await using var lost = await bucket.Store.OpenUploadAsync("t/part-00000-lost.parquet", Cancel);
        await lost.Content.WriteAsync(Content(2 * PartBytes), Cancel);
        await using var other = await bucket.Store.OpenUploadAsync("u/part-00000-other.parquet", Cancel);
        await other.Content.WriteAsync(Content(2 * PartBytes), Cancel);
        var begun = await PendingAsync(bucket, 2);
        var time = new FakeTimeProvider(new DateTimeOffset(begun.Max(upload => upload.Initiated!.Value.ToUniversalTime())).AddHours(hours));
        table = await TestTables.OpenAsync(bucket.Store, time: time);

        var options = new VacuumOptions(TimeSpan.Zero, AllowsShortRetention: true);
        var dry = await Vacuum.RunAsync(table, options with { IsDryRun = true }, Cancel);
        var pending = await PendingAsync(bucket, 2);
        var real = await Vacuum.RunAsync(table, options, Cancel);

        Assert.Equal(2, pending.Count);
        Assert.Equal(aborted, dry.Paths.Count(path => path.StartsWith("part-00000-lost.parquet (unfinished upload ", StringComparison.Ordinal)));
        Assert.Equal((aborted, aborted), (dry.Files, real.Files));
        Assert.Equal(2 - aborted, (await PendingAsync(bucket, 2 - aborted)).Count);
    }

    [Fact]
    public async Task An_upload_is_invisible_until_it_is_complete()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        await using var upload = await bucket.Store.OpenUploadAsync("large", Cancel);
        await upload.Content.WriteAsync(Content(2 * PartBytes + 5), Cancel);

        Assert.Null(await bucket.Store.TryStatAsync("large", Cancel));
        Assert.Equal(2 * PartBytes + 5, await upload.CompleteAsync(Cancel));
        Assert.Equal(2 * PartBytes + 5, (await bucket.Store.TryStatAsync("large", Cancel))!.Value.Size);
    }

    [Fact]
    public async Task No_more_than_one_part_is_on_its_way_while_another_is_filled()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bucket.Proxy.Use(request =>
        {
            if (!IsPart(request)) return null;
            first.TrySetResult();
            return new ProxyFault.Stall();
        });
        await using var upload = await bucket.Store.OpenUploadAsync("large", Cancel);
        await upload.Content.WriteAsync(Content(2 * PartBytes), Cancel);
        await first.Task.WaitAsync(Cancel);

        var third = upload.Content.WriteAsync(Content(1), Cancel);

        Assert.False(third.IsCompleted);
        Assert.Equal(1, bucket.Proxy.Requests.Count(IsPart));
    }

    /// <summary>Uploads under way, as the service lists them, when there are so many: a part is sent beside the writing.</summary>
    private static async Task<IReadOnlyList<MultipartUpload>> PendingAsync(S3Bucket bucket, int wanted)
    {
        while (true)
        {
            var pending = (await bucket.Direct.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = bucket.Name }, Cancel)).MultipartUploads ?? [];
            if (pending.Count == wanted) return pending;
            await Task.Delay(20, Cancel);
        }
    }

    private static bool IsPart(ProxiedRequest request) => request.Method == "PUT" && request.Target.Contains("partNumber=", StringComparison.Ordinal);

    private static byte[] Content(int size)
    {
        var content = new byte[size];
        new Random(size).NextBytes(content);
        return content;
    }

    private static async Task WriteAsync(S3ObjectStore store, string path, byte[] content, bool isSynchronous)
    {
        await using var upload = await store.OpenUploadAsync(path, Cancel);
        for (var at = 0; at < content.Length; at += 999_983)
        {
            var piece = content.AsMemory(at, Math.Min(999_983, content.Length - at));
            if (isSynchronous) upload.Content.Write(piece.Span);
            else await upload.Content.WriteAsync(piece, Cancel);
        }

        Assert.Equal(content.Length, await upload.CompleteAsync(Cancel));
    }
}
