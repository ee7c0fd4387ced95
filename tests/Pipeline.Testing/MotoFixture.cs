using Xunit;

namespace Pipeline.Testing;

/// <summary>
/// One <c>moto_server</c> for all tests of an assembly, in a child process on a free loopback port. Tests that ask for it are skipped
/// where <c>python3</c> does not have it.
/// </summary>
public abstract class MotoFixture : IAsyncLifetime
{
    private readonly SemaphoreSlim _starting = new(1, 1);
    private MotoServer? _moto;
    private string _missing = "";

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Where the services listen.</summary>
    public async Task<Uri> UrlAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            if (_moto is null && _missing.Length == 0) (_moto, _missing) = await MotoServer.TryStartAsync(cancellationToken);
        }
        finally
        {
            _starting.Release();
        }

        Assert.SkipWhen(_moto is null, _missing);
        return _moto.Url;
    }

    public async ValueTask DisposeAsync()
    {
        if (_moto is not null) await _moto.DisposeAsync();
        _starting.Dispose();
        GC.SuppressFinalize(this);
    }
}
