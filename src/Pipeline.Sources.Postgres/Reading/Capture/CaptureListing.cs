using System.Collections.Immutable;
using System.Data;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>What a look at the server found of everything that is captured.</summary>
/// <param name="System">The server's identifier.</param>
/// <param name="Confirmed">From where on the slot has changes.</param>
/// <param name="End">Where the server's log ended: all that the publication was before is below.</param>
/// <param name="Identities">What tells the history of each table that is captured from every other: another table behind the name, another publication, another time in it.</param>
/// <param name="Relations">The relations that hold the rows of each table that is captured, by the name in the lake.</param>
/// <param name="Refused">Why the other tables are not.</param>
internal sealed record CaptureListed(string System, long Confirmed, long End, IReadOnlyDictionary<string, string> Identities, IReadOnlyDictionary<string, IReadOnlyList<uint>> Relations, IReadOnlyDictionary<string, PipelineException> Refused)
{
    /// <summary>The server's; null: not known.</summary>
    public int? Timeline { get; init; }

    /// <summary>What the rows of each table that is captured are; null where that does not matter: without snapshots, or where new columns are not taken.</summary>
    public IReadOnlyDictionary<string, SplitForm>? Forms { get; init; }

    /// <summary>From where on the slot has all changes of those tables of which it does not from <see cref="Confirmed"/> on; null: it has, of all.</summary>
    public IReadOnlyDictionary<string, long>? Beginnings { get; init; }
}

/// <summary>
/// Looks at the server for all tables of a source at once, and makes the publication and the slot when they are missing. Each
/// table asks by itself, and one look answers each of them once: the server is asked as often for a hundred tables as for one.
/// </summary>
internal sealed class CaptureListing(PostgresConnections connections, DescribedTables tables, CaptureOwnership ownership, ConfirmedPosition confirmed, SourceServices services)
{
    /// <summary>The oldest answer that is given: what a table asks for the first time may be long ago for the others.</summary>
    private static readonly TimeSpan AgeMax = TimeSpan.FromSeconds(10);

    private readonly PostgresSourceOptions _options = connections.Options;
    private readonly ILogger _log = services.Logs.CreateLogger<CaptureListing>();
    private readonly SemaphoreSlim _turn = new(1);
    private readonly HashSet<string> _unanswered = new(StringComparer.Ordinal);
    private CaptureListed? _last;
    private long _lookedAt;

    /// <summary>Identities of the tables, and the relations that they consist of, as they were when they changed last, and where the log ended then or when a table began anew.</summary>
    private HashSet<(string Identity, SplitForm? Form, uint Relation)> _seen = [];

    private long _end;

    /// <summary>Tables that were put into the publication when the slot was there already: the server, and where its log ended then.</summary>
    private readonly Dictionary<string, (string System, long End)> _late = new(StringComparer.Ordinal);

    private readonly CaptureStarts _starts = new();

    private volatile int _asked;
    private int _taken;
    private bool _hasAdvised;
    private string _toldOperations = "";
    private readonly HashSet<string> _toldGenerated = new(StringComparer.Ordinal);
    private volatile IReadOnlyDictionary<string, PipelineException> _refused = ImmutableDictionary<string, PipelineException>.Empty;

    /// <summary>Tables that are not captured, as of the last look.</summary>
    public IReadOnlyDictionary<string, PipelineException> Refused => _refused;

    /// <param name="table">Who asks.</param>
    /// <exception cref="PipelineException">What is there belongs to somebody else, or no table can be captured.</exception>
    public async ValueTask<CaptureListed> OfAsync(string table, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_asked == _taken && _last is not null && _unanswered.Remove(table) && services.Time.GetElapsedTime(_lookedAt) < AgeMax) return _last;
            _last = null;
            _last = await connections.UseAsync(_options.Thing, LookAsync, cancellationToken);
            // From its end: a server that answers slowly is not asked more often for it.
            _lookedAt = services.Time.GetTimestamp();
            _unanswered.Clear();
            _unanswered.UnionWith(_options.Tables.Select(captured => captured.Name).Where(captured => captured != table));
            return _last;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>
    /// For a table that begins anew because the stream cannot be read: its definition may be what it was when the log's end was taken last, and
    /// what cannot be read lies behind that.
    /// </summary>
    public void TakeEndAnew() => Interlocked.Increment(ref _asked);

    private async ValueTask<CaptureListed> LookAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await ListAsync(connection, late: [], cancellationToken) is { } listed) return listed;
        var (found, refused) = await JudgeAsync(connection, await CaptureSetup.FindPublicationAsync(connection, _options, cancellationToken), cancellationToken);
        if (found.Count == 0) throw refused.Values.First();
        var late = await CaptureSetup.EnsureAsync(connection, _options, ownership, _options.Thing, found.Values, Advise, cancellationToken);
        return await ListAsync(connection, [.. found.Where(pair => late.Contains(pair.Value)).Select(pair => pair.Key)], cancellationToken)
            ?? throw new PipelineException(FaultKind.Unreachable, _options.Thing, "its publication or its slot was taken away as soon as it was made", "Nothing to do unless it lasts.");
    }

    /// <summary>One transaction, which changes nothing; null when something is missing.</summary>
    /// <param name="late">Tables that were just put into the publication, with the slot there already.</param>
    private async ValueTask<CaptureListed?> ListAsync(NpgsqlConnection connection, IReadOnlyList<string> late, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        if (!await CaptureSetup.HasOurSettingsAsync(connection, cancellationToken)) throw PostgresFaults.Pooler(_options, _options.Thing, SessionSettings.DoNotLast);
        var publication = await CaptureSetup.FindPublicationAsync(connection, _options, cancellationToken);
        var (found, refused) = await JudgeAsync(connection, publication, cancellationToken);
        var relations = await CaptureSetup.StoredRelationsAsync(connection, found, cancellationToken);
        var forms = await FormsAsync(connection, found, relations, publication, cancellationToken);
        // Behind the forms: of a slot that is not there yet, they are from before all that it will have.
        var state = await CaptureSetup.FindAsync(connection, _options, ownership, _options.Thing, publication, found.Values, cancellationToken);
        var (system, database) = await CaptureSetup.IdentityAsync(connection, cancellationToken);
        if (state.Slot is null && forms is not null) _starts.Take(system, forms);
        CaptureListed? listed = null;
        if (state.IsComplete)
        {
            if (state.Verdict.Advice is { } advice) Advise(advice);
            TellOperations(publication!.Operations.Missing);
            TellGenerated(found, publication!, connection.PostgreSqlVersion.Major);
            // A table that joins begins where the slot is, and the slot stays there until its reader reads the table too.
            var begins = Math.Max(CaptureSetup.ConfirmedOf(state.Slot!, _options, _options.Thing), confirmed.Value);
            if (_refused.Keys.Any(table => !refused.ContainsKey(table))) begins = confirmed.HoldAt(begins);
            _refused = refused;
            var identities = found.ToDictionary(pair => pair.Key, pair => IdentityOf(system, database, pair.Value, publication!), StringComparer.Ordinal);
            var seen = identities.SelectMany(pair => relations[pair.Key].Select(relation => (pair.Value, forms?[pair.Key], relation))).ToHashSet();
            var asked = _asked;
            // A server that was put back ends before it, with the same tables.
            if (asked != _taken || !_seen.SetEquals(seen) || state.Slot!.End < _end) (_end, _seen, _taken) = (await CaptureSetup.WrittenAsync(connection, services.Time, cancellationToken), seen, asked);
            TakeLate(late, system);
            if (forms is not null)
            {
                _starts.Take(system, forms.Where(form => late.Contains(form.Key, StringComparer.Ordinal)));
                forms = await _starts.JudgeAsync(connection, _options, system, identities, found, forms, cancellationToken);
            }

            listed = new CaptureListed(system, begins, Math.Max(begins, _end), identities, relations, refused) { Timeline = state.Slot!.Timeline, Forms = forms, Beginnings = BeginningsOn(system, begins) };
        }

        await transaction.CommitAsync(cancellationToken);
        return listed;
    }

    /// <summary>What lies before is in the tables' snapshots; without these, it is in the stream or nowhere.</summary>
    private void TakeLate(IReadOnlyList<string> late, string system)
    {
        if (late.Count == 0 || !_options.Capture.Snapshot) return;
        foreach (var table in late) _late[table] = (system, _end);
        _log.PublishedLate(_options.Thing, string.Join(", ", late), _options.Capture.Publication, _options.Capture.Slot);
    }

    private Dictionary<string, long>? BeginningsOn(string system, long begins) => _late.Count == 0 ? null
        : _late.Where(pair => pair.Value.System == system).ToDictionary(pair => pair.Key, pair => Math.Max(begins, pair.Value.End), StringComparer.Ordinal);

    /// <summary>The tables that can be captured, and why the others cannot: one bad table keeps no other.</summary>
    private async ValueTask<(IReadOnlyDictionary<string, PostgresTable> Tables, IReadOnlyDictionary<string, PipelineException> Refused)> JudgeAsync(NpgsqlConnection connection, PublicationState? publication,
        CancellationToken cancellationToken)
    {
        var found = await CatalogReader.ReadAllAsync(connection, _options, tables.Find, cancellationToken);
        var traits = await CatalogReader.TraitsAsync(connection, found.Values, cancellationToken);
        var refused = new Dictionary<string, PipelineException>(StringComparer.Ordinal);
        var names = new Dictionary<uint, string>();
        foreach (var table in _options.Tables)
        {
            if (!found.TryGetValue(table.Name, out var described)) refused.Add(table.Name, await CatalogReader.MissingAsync(connection, table, $"Source {_options.Name}, table {table.Name}", cancellationToken));
            else if (CaptureRefusal.Of(table, described, traits[described.Oid], publication).FirstOrDefault() is { } refusal) refused.Add(table.Name, refusal.ToFault(_options, table.Name));
            else if (names.TryGetValue(described.Oid, out var other)) refused.Add(table.Name, CaptureRefusal.Twice(other).ToFault(_options, table.Name));
            else if (publication is { Mark.IsMadeByPipeline: false } && !publication.Tables.ContainsKey(described.Oid)) refused.Add(table.Name, await UnpublishedAsync(connection, table, described, publication, cancellationToken));
            else names.Add(described.Oid, table.Name);
        }

        return (found.Where(pair => !refused.ContainsKey(pair.Key)).ToDictionary(StringComparer.Ordinal), refused);
    }

    private async ValueTask<IReadOnlyDictionary<string, SplitForm>?> FormsAsync(NpgsqlConnection connection, IReadOnlyDictionary<string, PostgresTable> found, IReadOnlyDictionary<string, IReadOnlyList<uint>> relations,
        PublicationState? publication, CancellationToken cancellationToken)
    {
        if (_options.Capture is not { Snapshot: true, SchemaChanges: SchemaChanges.Evolve }) return null;
        var captured = found.ToDictionary(pair => pair.Key, pair => pair.Value.Captured(publication?.Tables.GetValueOrDefault(pair.Value.Oid)).WithoutGone(), StringComparer.Ordinal);
        return await TableForms.ReadAsync(connection, captured, relations, cancellationToken);
    }

    /// <summary>Rows of snapshots have places in the server's log too: all of it is one order. Without snapshots there is nothing to begin anew with.</summary>
    private string IdentityOf(string system, uint database, PostgresTable table, PublicationState publication) => _options.Capture.Snapshot
        ? string.Create(CultureInfo.InvariantCulture, $"cdc/{system}/{database}/{table.Oid}/{publication.Lineage}/{publication.Tables[table.Oid].Lineage}")
        : $"cdc/{system}";

    private async ValueTask<PipelineException> UnpublishedAsync(NpgsqlConnection connection, PostgresTableOptions table, PostgresTable described, PublicationState publication, CancellationToken cancellationToken) =>
        new(FaultKind.Missing, $"Source {_options.Name}, table {table.Name}", $"publication {_options.Capture.Publication} does not contain {described.QualifiedName}, and it was made by someone else",
            $"As its owner: {await CaptureSetup.PublishSqlAsync(connection, _options, publication, [described], cancellationToken)};") { IsOfTable = true };

    /// <summary>Said once, and when it changes.</summary>
    private void TellOperations(string missing)
    {
        if (missing != _toldOperations && missing.Length > 0) _log.OperationsLeftOut(_options.Thing, _options.Capture.Publication, missing);
        _toldOperations = missing;
    }

    /// <summary>Said once a table.</summary>
    private void TellGenerated(IReadOnlyDictionary<string, PostgresTable> found, PublicationState publication, int version)
    {
        foreach (var (name, table) in found)
        {
            var captured = table.Captured(publication.Tables.GetValueOrDefault(table.Oid));
            var left = table.Columns.Where(column => column.IsGenerated && captured.IndexOf(column.Name) < 0).Select(column => column.Name).ToList();
            if (left.Count > 0 && _toldGenerated.Add(name)) _log.GeneratedLeftOut(_options.Name, name, string.Join(", ", left), CaptureCheck.HowToPublishGenerated(_options, version));
        }
    }

    /// <summary>Said once: every look finds it.</summary>
    private void Advise(string statement)
    {
        if (!_hasAdvised) _log.SlotUnclaimed(_options.Thing, _options.Capture.Slot, statement);
        _hasAdvised = true;
    }
}
