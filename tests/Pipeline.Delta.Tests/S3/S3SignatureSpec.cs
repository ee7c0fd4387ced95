using System.Net;
using System.Net.Sockets;
using System.Text.Json;
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
        var script = SharedFiles.Find("tools/awscheck.py");
        Assert.SkipWhen(script is null, "There is no shared/tools/awscheck.py beside the checkout.");
        await using var bucket = await s3.BucketAsync(Cancel);
        var port = FreePort();
        await using var checker = OutsideProgram.TryStart("python3", ["-u", script, port.ToString(), bucket.Upstream.ToString().TrimEnd('/'), "test", "test"])!;
        await ListeningAsync(port);
        var store = bucket.Open(options => options with { Endpoint = new Uri($"http://127.0.0.1:{port}"), Checksums = checksums, Encryption = S3Encryption.Kms, KmsKey = "alias/lake" });

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

        await checker.DisposeAsync();
        var verdicts = (await checker.LinesAsync()).Where(line => line.StartsWith('{')).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.True(verdicts.Count >= 12, $"{verdicts.Count} requests were seen.");
        Assert.All(verdicts, verdict => Assert.True(verdict.GetProperty("request").ValueKind == JsonValueKind.String, verdict.GetRawText()));
    }

    [Fact]
    public async Task A_wrong_secret_would_be_noticed()
    {
        var script = SharedFiles.Find("tools/awscheck.py");
        Assert.SkipWhen(script is null, "There is no shared/tools/awscheck.py beside the checkout.");
        await using var bucket = await s3.BucketAsync(Cancel);
        var port = FreePort();
        await using var checker = OutsideProgram.TryStart("python3", ["-u", script, port.ToString(), bucket.Upstream.ToString().TrimEnd('/'), "test", "another"])!;
        await ListeningAsync(port);
        var store = bucket.Open(options => options with { Endpoint = new Uri($"http://127.0.0.1:{port}") });

        await store.PutAsync("a", new byte[10], Cancel);

        await checker.DisposeAsync();
        Assert.Contains(await checker.LinesAsync(), line => line.Contains("SignatureDoesNotMatch", StringComparison.Ordinal));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>The script says nothing when it is ready: it is, when it takes a connection.</summary>
    private static async Task ListeningAsync(int port)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(TimeSpan.FromMinutes(2));
        while (true)
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(20, deadline.Token);
            }
        }
    }
}
