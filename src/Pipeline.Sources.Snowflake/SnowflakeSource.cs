using System.Net;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Snowflake.Client;
using Pipeline.Sources.Snowflake.Decoding;
using Pipeline.Sources.Snowflake.Reading;

namespace Pipeline.Sources.Snowflake;

/// <summary>Tables of a Snowflake account. Each table is one split, whose position is its watermark.</summary>
internal sealed class SnowflakeSource : IRedriveSource, IPartSource
{
    private readonly SnowflakeSourceOptions _options;
    private readonly HttpClient _http;
    private readonly Tokens _tokens;
    private readonly SnowflakeClient _client;
    private readonly SnowflakeMetrics _metrics;
    private readonly SplitLooks _looks = new();
    private readonly IReadOnlyDictionary<string, WatermarkTable> _tables;

    /// <param name="rowsMax">Of each window, for somebody who only looks; null: all.</param>
    public SnowflakeSource(SnowflakeSourceDefinition definition, SourceServices services, int? rowsMax = null)
    {
        Tables = definition.Tables;
        _options = definition.Options;
        var log = services.Logs.CreateLogger<SnowflakeSource>();
        var transport = HttpTransport.Create($"source/{Name}/server", services.Certificates);
        transport.ConnectTimeout = _options.ConnectTimeout;
        transport.MaxConnectionsPerServer = (_options.ReadersMax + 2) * Math.Max(1, _options.Tables.Count);
        transport.AutomaticDecompression = DecompressionMethods.None;
        _http = new HttpClient(HttpTransport.Worded(transport))
        {
            // Every request has its own deadline.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _tokens = _options.Security switch
        {
            SnowflakeSecurityOptions.OAuth oauth => new OAuthTokens(Name, oauth, _http, _options.Retry, _options.RequestTimeout, services.Secrets, services.Time),
            SnowflakeSecurityOptions.KeyPair keyPair => new KeyPairTokens(Name, keyPair, services.Secrets, services.Time),
            var other => throw new InvalidOperationException($"Unknown authentication {other.GetType().Name}."),
        };
        _metrics = new SnowflakeMetrics(Name, _options.Warehouse, () => _looks.Ages(services.Time).Select(look => (look.Split.Name, look.Age)));
        _client = new SnowflakeClient(_options, _metrics, new SnowflakeHttp(Name, _options, _http, _tokens, services.Time, log), services.Time, log, services.Waits);
        _tables = _options.Tables.ToDictionary(table => table.Name,
            table => new WatermarkTable(Name, table, _options, _client, _metrics, _looks, services.Time, log, services.Waits, rowsMax), StringComparer.Ordinal);
    }

    public string Name => _options.Name;

    public IReadOnlyList<SourceTable> Tables { get; }

    public async ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken) =>
        (await _tables[table].DescribeAsync(cancellationToken)).Schema;

    public async ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken) => [await _tables[table].ListAsync(cancellationToken)];

    public IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, CancellationToken cancellationToken) =>
        from is [var only] ? TableOf(only.Split).ReadAsync(only.Position, only.End, cancellationToken) : ReadAllAsync(from, cancellationToken);

    public async ValueTask<IReadOnlyList<SplitStanding>> LookBackAsync(IReadOnlyList<SplitPosition> left, CancellationToken cancellationToken)
    {
        var standings = new List<SplitStanding>();
        foreach (var split in left) standings.Add(await TableOf(split.Split).LookBackAsync(split, cancellationToken));
        return standings;
    }

    public async ValueTask ConfirmAsync(IReadOnlyCollection<Split> read, CancellationToken cancellationToken)
    {
        foreach (var split in read) await TableOf(split.Id).ConfirmAsync(split.Identity, cancellationToken);
    }

    /// <summary>Watermarks live in the lake alone: there is nothing to tell Snowflake.</summary>
    public ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask<DecodedLetters> DecodeAsync(string table, SplitId split, IReadOnlyList<DeadLetter> letters, CancellationToken cancellationToken) =>
        LetterDecoding.Decode(await _tables[table].DescribeAsync(cancellationToken), letters);

    public async ValueTask<IReadOnlyList<SplitPart>> LocateAsync(string table, string from, string? to, CancellationToken cancellationToken) => [await _tables[table].LocateAsync(from, to, cancellationToken)];

    public SplitLook? LastLook(SplitId split) => _looks.Find(split);

    public PipelineException? DoubtOf(SplitId split) => _looks.DoubtOf(split);

    public ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken) =>
        new SnowflakeSourceCheck(_options, _client, _tables.Values).RunAsync(cancellationToken);

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        _tokens.Dispose();
        _metrics.Dispose();
        return ValueTask.CompletedTask;
    }

    private WatermarkTable TableOf(SplitId split) => _tables[split.Name];

    /// <summary>Several tables at once: each is read by itself, one chunk ahead of the consumer.</summary>
    private async IAsyncEnumerable<Chunk> ReadAllAsync(IReadOnlyList<SplitPosition> from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var queue = new ChunkQueue(_options.ChunkBytesMax);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var readers = from.Select(split => ReadSplitAsync(split, queue, stop.Token)).ToList();
        try
        {
            await foreach (var chunk in queue.TakeAllAsync(cancellationToken)) yield return chunk;
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(readers);
        }
    }

    private async Task ReadSplitAsync(SplitPosition from, ChunkQueue queue, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var chunk in TableOf(from.Split).ReadAsync(from.Position, from.End, cancellationToken)) await queue.AddAsync(chunk, cancellationToken);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Whatever a cancelled read ends with, its consumer has left.
        }
        catch (PipelineException e)
        {
            queue.Complete(new PipelineException(e.Kind, e.Thing, e.Cause, e.NextStep, e) { Split = from.Split });
        }
        catch (Exception e)
        {
            queue.Complete(e);
        }
    }
}
