using System.Xml.Linq;
using Pipeline.Testing;

namespace Pipeline.Faults.Tests;

/// <summary>Where the nodes of a scene keep their tables, and how the oracle looks at it without the product.</summary>
internal abstract class SceneLake : IAsyncDisposable
{
    /// <summary>As written in the configuration.</summary>
    public abstract string Location { get; }

    /// <summary>What else the section <c>lake</c> needs.</summary>
    public virtual string Settings => "";

    /// <summary>What nodes need in their environment.</summary>
    public virtual IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>A directory with the tables as they are by now.</summary>
    public abstract Task<string> LookAsync();

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>A directory, on whatever disk.</summary>
internal sealed class DirectoryLake(string directory) : SceneLake
{
    public override string Location => directory;

    public override Task<string> LookAsync() => Task.FromResult(directory);
}

/// <summary>
/// A bucket of a <c>moto_server</c>. Nodes reach it through a proxy that fails as told; the oracle goes around the proxy,
/// by plain requests of the S3 API, and copies what is new: data files and log entries never change.
/// </summary>
internal sealed class BucketLake : SceneLake
{
    private const string Bucket = "lake";
    private static readonly XNamespace Xml = "http://s3.amazonaws.com/doc/2006-03-01/";

    private readonly MotoServer _server;
    private readonly HttpClient _http;
    private readonly ScratchDirectory _copy = new("pipeline-bucket-");

    private BucketLake(MotoServer server, FaultProxy proxy)
    {
        _server = server;
        Proxy = proxy;
        _http = new HttpClient { BaseAddress = server.Url };
        // Somebody has to ask; the server does not check who.
        _http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "AWS test:test");
    }

    public FaultProxy Proxy { get; }

    public override string Location => $"s3://{Bucket}/tables";

    public override string Settings => $$"""s3 { endpoint = "{{Proxy.Url}}", region = us-east-1, path-style = true, request-timeout = 1s }""";

    public override IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["AWS_ACCESS_KEY_ID"] = "test",
        ["AWS_SECRET_ACCESS_KEY"] = "test",
    };

    /// <summary>Skips the test where there is no <c>moto_server</c>.</summary>
    public static async Task<BucketLake> StartAsync(CancellationToken cancellationToken)
    {
        var (server, missing) = await MotoServer.TryStartAsync(cancellationToken);
        Assert.SkipWhen(server is null, missing);
        var lake = new BucketLake(server, await FaultProxy.StartAsync(server.Url, cancellationToken));
        (await lake._http.PutAsync($"/{Bucket}", content: null, cancellationToken)).EnsureSuccessStatusCode();
        return lake;
    }

    public override async Task<string> LookAsync()
    {
        // By name, so that a version is never copied before one that it follows.
        foreach (var key in (await KeysAsync()).Order(StringComparer.Ordinal))
        {
            var path = Path.Combine(_copy, key);
            if (File.Exists(path)) continue;
            using var response = await _http.GetAsync($"/{Bucket}/{string.Join('/', key.Split('/').Select(Uri.EscapeDataString))}");
            // Deleted since it was listed.
            if (response.StatusCode == System.Net.HttpStatusCode.NotFound) continue;
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await File.WriteAllBytesAsync(path, await response.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync());
        }

        return Path.Combine(_copy, "tables");
    }

    public override async ValueTask DisposeAsync()
    {
        await Proxy.DisposeAsync();
        await _server.DisposeAsync();
        _http.Dispose();
        _copy.Dispose();
    }

    private async Task<List<string>> KeysAsync()
    {
        var keys = new List<string>();
        for (string? next = null; ;)
        {
            var page = XDocument.Parse(await _http.GetStringAsync($"/{Bucket}?list-type=2&max-keys=1000{(next is null ? "" : $"&continuation-token={Uri.EscapeDataString(next)}")}")).Root!;
            keys.AddRange(page.Elements(Xml + "Contents").Select(content => content.Element(Xml + "Key")!.Value));
            next = page.Element(Xml + "NextContinuationToken")?.Value;
            if (next is null) return keys;
        }
    }
}
