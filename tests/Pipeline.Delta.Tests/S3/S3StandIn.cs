using System.Text.RegularExpressions;
using Amazon.Runtime;
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
    private OutsideProgram? _moto;
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
        if (OutsideProgram.TryStart("python3", ["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]) is not { } moto)
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
