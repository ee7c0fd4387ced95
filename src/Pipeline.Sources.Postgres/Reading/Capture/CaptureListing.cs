using System.Data;
using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>What a look at the server found of everything that is captured.</summary>
/// <param name="System">The server's identifier.</param>
/// <param name="Confirmed">From where on the slot has changes.</param>
/// <param name="Relations">The relations that hold the rows of each table, by the name in the lake.</param>
internal sealed record CaptureListed(string System, long Confirmed, IReadOnlyDictionary<string, IReadOnlyList<uint>> Relations);

/// <summary>
/// Looks at the server for all tables of a source at once, and makes the publication and the slot when they are missing. Each
/// table asks by itself, and one look answers each of them once: the server is asked as often for a hundred tables as for one.
/// </summary>
internal sealed class CaptureListing(PostgresConnections connections, DescribedTables tables, CaptureOwnership ownership, SourceServices services)
{
    /// <summary>The oldest answer that is given: what a table asks for the first time may be long ago for the others.</summary>
    private static readonly TimeSpan AgeMax = TimeSpan.FromSeconds(10);

    private readonly PostgresSourceOptions _options = connections.Options;
    private readonly ILogger _log = services.Logs.CreateLogger<CaptureListing>();
    private readonly SemaphoreSlim _turn = new(1);
    private readonly HashSet<string> _unanswered = new(StringComparer.Ordinal);
    private CaptureListed? _last;
    private long _lookedAt;
    private bool _hasAdvised;

    /// <param name="table">Who asks.</param>
    /// <exception cref="PipelineException">What is there belongs to somebody else, or a table is missing.</exception>
    public async ValueTask<CaptureListed> OfAsync(string table, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_last is not null && _unanswered.Remove(table) && services.Time.GetElapsedTime(_lookedAt) < AgeMax) return _last;
            _last = null;
            _lookedAt = services.Time.GetTimestamp();
            _last = await connections.UseAsync(_options.Thing, LookAsync, cancellationToken);
            _unanswered.Clear();
            _unanswered.UnionWith(_options.Tables.Select(captured => captured.Name).Where(captured => captured != table));
            return _last;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask<CaptureListed> LookAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await ListAsync(connection, cancellationToken) is { } listed) return listed;
        var found = await CatalogReader.ReadAllAsync(connection, _options, tables.Find, cancellationToken);
        await CaptureSetup.EnsureAsync(connection, _options, ownership, _options.Thing, found.Values, Advise, cancellationToken);
        return await ListAsync(connection, cancellationToken)
            ?? throw new PipelineException(FaultKind.Unreachable, _options.Thing, "its publication or its slot was taken away as soon as it was made", "Nothing to do unless it lasts.");
    }

    /// <summary>One transaction, which changes nothing; null when something is missing.</summary>
    private async ValueTask<CaptureListed?> ListAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        var found = await CatalogReader.ReadAllAsync(connection, _options, tables.Find, cancellationToken);
        var state = await CaptureSetup.FindAsync(connection, _options, ownership, _options.Thing, found.Values, cancellationToken);
        CaptureListed? listed = null;
        if (state.IsComplete)
        {
            if (state.Verdict.Advice is { } advice) Advise(advice);
            listed = new CaptureListed(await CaptureSetup.SystemIdentifierAsync(connection, cancellationToken), CaptureSetup.ConfirmedOf(state.Slot!, _options, _options.Thing),
                await CaptureSetup.StoredRelationsAsync(connection, found, cancellationToken));
        }

        await transaction.CommitAsync(cancellationToken);
        return listed;
    }

    /// <summary>Said once: every look finds it.</summary>
    private void Advise(string statement)
    {
        if (!_hasAdvised) _log.SlotUnclaimed(_options.Thing, _options.Capture.Slot, statement);
        _hasAdvised = true;
    }
}
