using Microsoft.Data.Sqlite;
using Npgsql;
using Pipeline.Core;

namespace Pipeline.Transform.Coordination.Journal;

/// <summary>Opens a journal as a node would, and leaves what it holds as it is.</summary>
public static class JournalTrial
{
    private const string Elsewhere = "or name another place: transform.journal.connection.";

    public static async ValueTask<Finding> RunAsync(TransformOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.JournalProvider == JournalProvider.Postgresql) return await OfServerAsync(options, cancellationToken);
        if (JournalFile.Of(options) is not { } file) return new Finding("Journal", Ok: true, "it is kept in memory, and forgotten with the node");
        return File.Exists(file) ? OfFile(options, file) : OfPlace(file);
    }

    private static Finding OfFile(TransformOptions options, string file)
    {
        var thing = $"Journal {file}";
        try
        {
            using var held = JournalFile.Lock(options);
            return new Finding(thing, Ok: true, JournalFile.DamageOf(file) is { } damage
                ? $"it is damaged ({damage.TrimEnd('.')}): a node that starts sets it aside and begins from the tables' logs; tables that were paused go on" : "can be read and written");
        }
        catch (PipelineException inUse)
        {
            return new Finding(thing, Ok: true, $"{inUse.Cause}, and no other may");
        }
        catch (SqliteException e)
        {
            return new Finding(thing, Ok: false, $"it cannot be written: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}", $"Give this user the right to write it, and its disk space; {Elsewhere}");
        }
    }

    /// <summary>What is made for it is taken away again.</summary>
    private static Finding OfPlace(string file)
    {
        var directory = Path.GetDirectoryName(file)!;
        var above = directory;
        while (!Directory.Exists(above) && Path.GetDirectoryName(above) is { } parent) above = parent;
        try
        {
            using (new FileStream(Path.Combine(above, $".pipeline-check-{Guid.NewGuid():N}"), new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.DeleteOnClose }))
                return new Finding($"Journal {file}", Ok: true, "is made by the first node");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Finding($"Journal {file}", Ok: false, $"it cannot be made: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}", $"Give this user the right to write in {above}, {Elsewhere}");
        }
    }

    private static async ValueTask<Finding> OfServerAsync(TransformOptions options, CancellationToken cancellationToken)
    {
        var thing = "Journal of postgresql";
        try
        {
            var server = new NpgsqlConnectionStringBuilder(options.JournalConnection);
            thing = $"Journal of postgresql at {server.Host}, database {server.Database}";
            await using var connection = new NpgsqlConnection(server.ConnectionString);
            await connection.OpenAsync(cancellationToken);
            await using var command = new NpgsqlCommand("SELECT quote_ident(current_user), quote_ident(current_schema()), coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) OR to_regclass('journal') IS NOT NULL, current_setting('search_path')", connection);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            if (reader.GetBoolean(2)) return new Finding(thing, Ok: true, "can be opened");
            return reader.IsDBNull(1)
                ? new Finding(thing, Ok: false, $"no schema of the search_path of {reader.GetString(0)} is there, or may be used: {reader.GetString(3)}", "Create one with CREATE SCHEMA and grant USAGE and CREATE on it, or name another by 'Search Path' in transform.journal.connection.")
                : new Finding(thing, Ok: false, $"{reader.GetString(0)} may not make its tables", $"GRANT CREATE ON SCHEMA {reader.GetString(1)} TO {reader.GetString(0)};");
        }
        catch (Exception e) when (e is NpgsqlException or ArgumentException or TimeoutException or System.Net.Sockets.SocketException)
        {
            return new Finding(thing, Ok: false, $"it cannot be opened: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}", "Correct transform.journal.connection, or see that the server runs and can be reached from here.");
        }
    }
}
