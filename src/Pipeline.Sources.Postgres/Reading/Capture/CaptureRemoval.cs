using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Gives the server back as it was: the slot, whose only reader we are, and the publication when it is ours.</summary>
internal static class CaptureRemoval
{
    public static async ValueTask<IReadOnlyList<SourceTrace>> FindAsync(NpgsqlConnection connection, PostgresSourceOptions options, CancellationToken cancellationToken)
    {
        var traces = new List<SourceTrace>();
        // The publication last: a slot that is left alone still needs it.
        if (await CaptureSetup.FindSlotAsync(connection, options, cancellationToken) is { } slot)
            traces.Add(TraceOf(slot, options, connection.Database));
        if (await CaptureSetup.FindPublicationAsync(connection, options, cancellationToken) is { } publication)
            traces.Add(publication.IsOurs
                ? new SourceTrace($"publication {options.Capture.Publication}", $"{publication.Tables.Count} tables", $"DROP PUBLICATION {Sql.Identifier(options.Capture.Publication)};")
                : new SourceTrace($"publication {options.Capture.Publication}", "stays: it was not made by the pipeline", Removal: null));
        return traces;
    }

    public static async ValueTask RemoveAsync(NpgsqlConnection connection, PostgresSourceOptions options, CancellationToken cancellationToken)
    {
        if (await ReaderAsync(connection, options, cancellationToken) is { } reader)
            throw new PipelineException(FaultKind.Invalid, $"Source {options.Name}, slot {options.Capture.Slot}", $"it is being read by {reader}",
                "Stop that reader first, then remove the source again.");
        foreach (var trace in await FindAsync(connection, options, cancellationToken))
            if (trace.Removal is { } sql) await CaptureSetup.ExecuteAsync(connection, sql, cancellationToken);
    }

    private static SourceTrace TraceOf(SlotState slot, PostgresSourceOptions options, string database)
    {
        var thing = $"slot {options.Capture.Slot}";
        return slot.Plugin != "pgoutput" || slot.Database != database
            ? new SourceTrace(thing, $"stays: it is not one of ours (plugin {slot.Plugin}, database {slot.Database})", Removal: null)
            : new SourceTrace(thing, $"confirmed to {Lsn.Format(slot.Confirmed)}, {slot.RetainedBytes} bytes of WAL retained", CaptureSetup.DropSlotSql(options));
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
