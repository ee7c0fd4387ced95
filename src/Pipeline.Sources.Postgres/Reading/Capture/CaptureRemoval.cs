using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Gives the server back as it was: the slot and the publication that this source of this pipeline has made.</summary>
internal static class CaptureRemoval
{
    public static async ValueTask<IReadOnlyList<SourceTrace>> FindAsync(NpgsqlConnection connection, PostgresSourceOptions options, CaptureOwnership ownership, CancellationToken cancellationToken)
    {
        var slot = await CaptureSetup.FindSlotAsync(connection, options, cancellationToken);
        var publication = await CaptureSetup.FindPublicationAsync(connection, options, cancellationToken);
        if (slot is null && publication is null) return [];

        var stays = await OthersAsync(connection, options, ownership, publication, slot, cancellationToken);
        var traces = new List<SourceTrace>();
        // The publication last: a slot that is left alone still needs it.
        if (slot is not null)
        {
            var reason = slot.Plugin != "pgoutput" || slot.Database != connection.Database ? $"stays: it is not one of ours (plugin {slot.Plugin}, database {slot.Database})" : stays;
            traces.Add(new SourceTrace($"slot {options.Capture.Slot}", reason ?? $"confirmed to {Lsn.Format(slot.Confirmed)}, {Plural.Of(slot.RetainedBytes, "byte")} of WAL retained",
                reason is null ? CaptureSetup.DropSlotSql(options) : null));
        }

        if (publication is not null) traces.Add(TraceOf(publication, options, stays));
        return traces;
    }

    public static async ValueTask RemoveAsync(NpgsqlConnection connection, PostgresSourceOptions options, CaptureOwnership ownership, CancellationToken cancellationToken)
    {
        var traces = await FindAsync(connection, options, ownership, cancellationToken);
        if (traces.All(trace => trace.Removal is null)) return;
        if (await ReaderAsync(connection, options, cancellationToken) is { } reader)
            throw new PipelineException(FaultKind.Invalid, $"Source {options.Name}, slot {options.Capture.Slot}", $"it is being read by {reader}",
                "Stop that reader first, then remove the source again.");
        foreach (var trace in traces)
            if (trace.Removal is { } sql) await CaptureSetup.ExecuteAsync(connection, sql, cancellationToken);
    }

    /// <summary>Why what is there is not ours to drop; null: it is.</summary>
    private static async ValueTask<string?> OthersAsync(NpgsqlConnection connection, PostgresSourceOptions options, CaptureOwnership ownership, PublicationState? publication, SlotState? slot,
        CancellationToken cancellationToken)
    {
        if ((await ownership.JudgeAsync(connection, publication, slot, cancellationToken)).Refusal is { } refusal) return $"stays: {refusal.Cause}";
        if (publication?.Mark.Claims.Any(claim => claim.Slot == options.Capture.Slot) == true || await ownership.HasReadAsync(connection, cancellationToken)) return null;
        return "stays: nothing says that it was made for this source of this pipeline, and its lake has never read the slot";
    }

    private static SourceTrace TraceOf(PublicationState publication, PostgresSourceOptions options, string? stays)
    {
        var thing = $"publication {options.Capture.Publication}";
        if (!publication.Mark.IsMadeByPipeline) return new SourceTrace(thing, "stays: it was not made by the pipeline", Removal: null);
        if (stays is not null) return new SourceTrace(thing, stays, Removal: null);
        var rest = publication.Mark.Without(options.Capture.Slot);
        return rest.Claims.FirstOrDefault() is { } other
            ? new SourceTrace(thing, $"stays for slot {other.Slot} of source {other.Reader.Source}, and forgets this one's", $"{CaptureOwnership.CommentSql(options.Capture.Publication, rest)};")
            : new SourceTrace(thing, $"{Plural.Of(publication.Tables.Count, "table")}", $"DROP PUBLICATION {Sql.Identifier(options.Capture.Publication)};");
    }

    /// <summary>Who reads the slot; null when nobody does. Another role's application is told only to those who may see it.</summary>
    private static async ValueTask<string?> ReaderAsync(NpgsqlConnection connection, PostgresSourceOptions options, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select format('process %s of the server (application %s)', active_pid, coalesce(nullif(application_name, ''), 'unknown'))
            from pg_catalog.pg_replication_slots left join pg_catalog.pg_stat_activity on pid = active_pid where slot_name = $1 and active
            """, connection) { Parameters = { new() { Value = options.Capture.Slot } } };
        return (string?)await command.ExecuteScalarAsync(cancellationToken);
    }
}
