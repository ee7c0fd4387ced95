using System.Diagnostics;
using System.Text.RegularExpressions;
using Amazon.Runtime;
using Amazon.S3;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.S3;
using Pipeline.Testing;

[assembly: AssemblyFixture(typeof(S3StandIn))]

namespace Pipeline.Delta.Tests.S3;

/// <summary>
/// One <c>moto_server</c> for all tests: an S3 service in a child process on a free loopback port. Tests that ask for it
/// are skipped where <c>python3</c> does not have it.
/// </summary>
public sealed partial class S3StandIn : IAsyncLifetime
{
    public static readonly BasicAWSCredentials Credentials = new("test", "test");

    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(60);

    private readonly SemaphoreSlim _starting = new(1, 1);
    private ChildProcess? _moto;
    private Uri? _url;
    private string? _missing;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Where the service listens.</summary>
    public async Task<Uri> UrlAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            if (_url is null && _missing is null) await StartAsync(cancellationToken);
        }
        finally
        {
            _starting.Release();
        }

        Assert.SkipWhen(_url is null, _missing ?? "");
        return _url;
    }

    /// <summary>A new bucket behind a proxy that can fail.</summary>
    public async Task<S3Bucket> BucketAsync(CancellationToken cancellationToken, Func<S3Options, S3Options>? change = null)
    {
        var upstream = await UrlAsync(cancellationToken);
        return await S3Bucket.CreateAsync(upstream, await FaultProxy.StartAsync(upstream, cancellationToken), change ?? (options => options), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_moto is not null) await _moto.DisposeAsync();
        _starting.Dispose();
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        if (ChildProcess.TryStart("python3", ["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]) is not { } moto)
        {
            _missing = "There is no python3.";
            return;
        }

        _moto = moto;
        if (await moto.WaitForLineAsync(line => Listening().IsMatch(line), StartDeadline, cancellationToken) is { } found)
            _url = new Uri(Listening().Match(found).Groups["url"].Value);
        else
            _missing = "python3 has no moto.server (pip install 'moto[server]').";
    }

    [GeneratedRegex(@"Running on (?<url>http://127\.0\.0\.1:\d+)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Listening();
}

/// <summary>A bucket of its own, and stores that reach it through a proxy.</summary>
public sealed class S3Bucket : IAsyncDisposable
{
    private readonly List<S3ObjectStore> _stores = [];

    private S3Bucket(Uri upstream, FaultProxy proxy, string name, S3Options options)
    {
        (Upstream, Proxy, Name, Options) = (upstream, proxy, name, options);
        Direct = Client(upstream);
        Store = Open();
    }

    public Uri Upstream { get; }

    public FaultProxy Proxy { get; }

    public string Name { get; }

    /// <summary>Those of <see cref="Store"/>: small delays, so that retries take no time.</summary>
    public S3Options Options { get; }

    public S3ObjectStore Store { get; }

    /// <summary>Around the proxy, for looking.</summary>
    public AmazonS3Client Direct { get; }

    internal static async Task<S3Bucket> CreateAsync(Uri upstream, FaultProxy proxy, Func<S3Options, S3Options> change, CancellationToken cancellationToken)
    {
        var name = $"lake-{Guid.NewGuid():N}";
        using (var client = Client(upstream)) await client.PutBucketAsync(name, cancellationToken);
        return new S3Bucket(upstream, proxy, name, change(new S3Options
        {
            Endpoint = proxy.Url,
            Region = "us-east-1",
            PathStyle = true,
            BackoffMin = TimeSpan.FromMilliseconds(1),
            BackoffMax = TimeSpan.FromMilliseconds(20),
            AttemptsMax = 20,
            PartBytes = 5 << 20,
        }));
    }

    public S3ObjectStore Open(Func<S3Options, S3Options>? change = null, string prefix = "some/prefix")
    {
        var store = new S3ObjectStore(S3Location.Parse($"s3://{Name}/{prefix}"), change?.Invoke(Options) ?? Options, TimeProvider.System, S3StandIn.Credentials);
        _stores.Add(store);
        return store;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var store in _stores) store.Dispose();
        Direct.Dispose();
        await Proxy.DisposeAsync();
    }

    private static AmazonS3Client Client(Uri url) => new(S3StandIn.Credentials, new AmazonS3Config
    {
        ServiceURL = url.ToString(),
        ForcePathStyle = true,
        AuthenticationRegion = "us-east-1",
    });
}

/// <summary>A child process whose output is read; ended by its id.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly System.Threading.Channels.Channel<string> _lines = System.Threading.Channels.Channel.CreateUnbounded<string>();
    private readonly Task _reading;
    private bool _isDisposed;

    private ChildProcess(Process process)
    {
        _process = process;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput), ReadAsync(process.StandardError))
            .ContinueWith(_ => _lines.Writer.TryComplete(), TaskScheduler.Default);
    }

    /// <summary>Null when there is no such program.</summary>
    public static ChildProcess? TryStart(string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        try
        {
            return new ChildProcess(Process.Start(start)!);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>The next line that is wanted, of either output; null when the process ends without it.</summary>
    public async Task<string?> WaitForLineAsync(Func<string, bool> isIt, TimeSpan deadline, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(deadline);
        await foreach (var line in _lines.Reader.ReadAllAsync(timeout.Token))
            if (isIt(line)) return line;
        return null;
    }

    /// <summary>Waits for the end; everything it has said, and its exit code.</summary>
    public async Task<(int ExitCode, IReadOnlyList<string> Lines)> WaitForExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        return (_process.ExitCode, await LinesAsync());
    }

    /// <summary>What an ended process has said and nobody has read.</summary>
    public async Task<IReadOnlyList<string>> LinesAsync()
    {
        await _reading;
        List<string> lines = [];
        while (_lines.Reader.TryRead(out var line)) lines.Add(line);
        return lines;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
    }

    private async Task ReadAsync(StreamReader output)
    {
        while (await output.ReadLineAsync() is { } line) _lines.Writer.TryWrite(line);
    }
}
