using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// What tables were before the slot had any change of them. Between there and a table's first reading a partition may be truncated or dropped by itself,
/// a definition or the publication changed: the stream has rows of before, and nothing that tells what has become of them.
/// </summary>
internal sealed class CaptureStarts
{
    private readonly Dictionary<string, (string System, string? Identity, SplitForm Form)> _known = new(StringComparer.Ordinal);

    /// <param name="forms">Of tables as they were when there was no slot, or when they came into the publication.</param>
    public void Take(string system, IEnumerable<KeyValuePair<string, SplitForm>> forms)
    {
        foreach (var (table, form) in forms) _known[table] = (system, null, form);
    }

    /// <summary>
    /// The forms, and which of them are <see cref="SplitForm.IsUncertain"/>. Of a table of which nobody here saw the start, the catalogue shows whether
    /// its columns and its publication may have changed, but not which partitions there were.
    /// </summary>
    public async ValueTask<IReadOnlyDictionary<string, SplitForm>> JudgeAsync(NpgsqlConnection connection, PostgresSourceOptions options, string system, IReadOnlyDictionary<string, string> identities,
        IReadOnlyDictionary<string, PostgresTable> tables, IReadOnlyDictionary<string, SplitForm> forms, CancellationToken cancellationToken)
    {
        var judged = new Dictionary<string, SplitForm>(StringComparer.Ordinal);
        foreach (var (table, form) in forms)
        {
            if (!_known.TryGetValue(table, out var start) || start.System != system) continue;
            // The publication may have been made with the slot.
            if (start.Identity is null) _known[table] = start = start with { Identity = identities[table] };
            judged[table] = form with { IsUncertain = start.Identity != identities[table] || form.MayHaveOtherRows(start.Form) };
        }

        if (judged.Count == forms.Count) return judged;
        var unseen = forms.Where(form => !judged.ContainsKey(form.Key)).ToList();
        var altered = await AlteredTables.SinceAsync(connection, options.Capture.Slot, options.Capture.Publication, unseen.Select(form => tables[form.Key].Oid), cancellationToken);
        foreach (var (table, form) in unseen) judged[table] = form with { IsUncertain = form.Parts is not null || altered.Contains(tables[table].Oid) };
        return judged;
    }
}
