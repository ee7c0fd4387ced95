using Npgsql;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>Who changes a server's settings and gives rights in it: its superuser, or a service that manages it and keeps ALTER SYSTEM to itself.</summary>
internal sealed class ServerSettings
{
    private readonly string? _place;
    private readonly IReadOnlyDictionary<string, (string Name, string Value)> _names;
    private readonly string? _replicationRole;

    private ServerSettings(string? place, string? replicationRole, params (string Setting, string Name, string Value)[] names)
    {
        _place = place;
        _replicationRole = replicationRole;
        _names = names.ToDictionary(name => name.Setting, name => (name.Name, name.Value), StringComparer.Ordinal);
    }

    /// <summary>Known by the roles that a service makes for those it lets in.</summary>
    public static async ValueTask<ServerSettings> FindAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select case when to_regrole('rds_superuser') is not null then 'rds' when to_regrole('cloudsqlsuperuser') is not null then 'cloudsql' when to_regrole('azure_pg_admin') is not null then 'azure' else '' end
            """, connection);
        return Of((string)(await command.ExecuteScalarAsync(cancellationToken))!);
    }

    /// <param name="service">Empty: none.</param>
    public static ServerSettings Of(string service) => service switch
    {
        "rds" => new ServerSettings("In the server's parameter group", "rds_replication", ("wal_level", "rds.logical_replication", "1")),
        "cloudsql" => new ServerSettings("Among the instance's flags", null, ("wal_level", "cloudsql.logical_decoding", "on")),
        "azure" => new ServerSettings("Among the server's parameters", null),
        _ => new ServerSettings(null, null),
    };

    /// <summary>How a setting is changed.</summary>
    /// <param name="value">As SQL writes it.</param>
    public string Set(string name, string value, bool needsRestart)
    {
        if (_place is null) return $"ALTER SYSTEM SET {name} = {value}; {(needsRestart ? "-- then restart the server" : "SELECT pg_reload_conf();")}";
        var (theirs, said) = _names.GetValueOrDefault(name, (name, value));
        return $"{_place}: {theirs} = {said}{(needsRestart ? ", then restart it" : "")}.";
    }

    /// <summary>What gives a role the right to replicate.</summary>
    /// <param name="role">Quoted.</param>
    public string MayReplicateSql(string role) => _replicationRole is null ? $"ALTER ROLE {role} REPLICATION;" : $"GRANT {_replicationRole} TO {role};";
}
