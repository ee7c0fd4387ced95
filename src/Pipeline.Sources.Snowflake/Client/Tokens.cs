using Pipeline.Core;

namespace Pipeline.Sources.Snowflake.Client;

/// <summary>A bearer token and until when it is good.</summary>
internal sealed record AccessToken(string Value, DateTimeOffset ExpiresAt)
{
    public override string ToString() => "***";
}

/// <summary>
/// Keeps one token for all requests of a source, and makes a new one before it expires or when Snowflake refuses it.
/// </summary>
internal abstract class Tokens(TimeProvider time) : IDisposable
{
    private static readonly TimeSpan RenewalMarginMax = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _renewal = new(1, 1);
    private AccessToken? _current;
    private DateTimeOffset _renewAt;

    /// <summary>For the header <c>X-Snowflake-Authorization-Token-Type</c>.</summary>
    public abstract string Type { get; }

    protected TimeProvider Time { get; } = time;

    /// <exception cref="PipelineException">No token can be had.</exception>
    public async ValueTask<AccessToken> GetAsync(CancellationToken cancellationToken)
    {
        if (Fresh is { } fresh) return fresh;
        await _renewal.WaitAsync(cancellationToken);
        try
        {
            if (Fresh is { } renewed) return renewed;
            var now = Time.GetUtcNow();
            var token = await CreateAsync(cancellationToken);
            // A fifth of its life is left when it is renewed, but never more than a minute.
            var margin = TimeSpan.FromTicks(Math.Min((token.ExpiresAt - now).Ticks / 5, RenewalMarginMax.Ticks));
            _renewAt = token.ExpiresAt - margin;
            Volatile.Write(ref _current, token);
            return token;
        }
        finally
        {
            _renewal.Release();
        }
    }

    /// <summary>Snowflake has refused <paramref name="token"/>: the next caller gets another.</summary>
    public void Invalidate(AccessToken token) => Interlocked.CompareExchange(ref _current, null, token);

    public void Dispose() => _renewal.Dispose();

    protected abstract ValueTask<AccessToken> CreateAsync(CancellationToken cancellationToken);

    private AccessToken? Fresh => Volatile.Read(ref _current) is { } token && Time.GetUtcNow() < _renewAt ? token : null;
}
