using Akka.Cluster.Hosting;
using Akka.Configuration;
using Akka.Hosting;
using Akka.Persistence.Sql;
using Microsoft.Data.Sqlite;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.DuckDb;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform;

public static class TransformRegistration
{
    /// <summary>The role of nodes on which the coordinator may run.</summary>
    public const string Role = "transform";

    internal const string JournalPlugin = "akka.persistence.journal.sql";
    internal const string SnapshotPlugin = "akka.persistence.snapshot-store.sql";

    /// <summary>
    /// Keeps the graph's Silver and Gold tables up to date, from one node of the cluster that has the role
    /// <see cref="Role"/>. Needs clustering; register it with the same graph on every such node. The coordinator's proxy
    /// is in the actor registry under <see cref="MedallionCoordinatorActor"/>.
    /// </summary>
    /// <param name="outages">The node's: says what is away.</param>
    public static AkkaConfigurationBuilder WithTransform(this AkkaConfigurationBuilder builder, TransformOptions options, Lake lake, TransformGraph graph, OutageWatch outages,
        TimeProvider time)
    {
        DuckDbSession.RemoveLeftovers(options.TempDirectory);
        var tables = new OpenTables(lake);
        return builder.WithTransform(options, tables, graph, new DuckDbEngine(tables, options, time), outages, time);
    }

    internal static AkkaConfigurationBuilder WithTransform(this AkkaConfigurationBuilder builder, TransformOptions options, OpenTables tables, TransformGraph graph,
        IJobEngine engine, OutageWatch outages, TimeProvider time) =>
        builder
            .AddTransformSerializer()
            .AddHocon(Journal(options), HoconAddMode.Prepend)
            .WithSingleton<MedallionCoordinatorActor>("medallion-coordinator", MedallionCoordinatorActor.Props(tables, graph, options, engine, outages, time),
                new ClusterSingletonOptions { Role = Role });

    private static Config Journal(TransformOptions options)
    {
        var provider = options.JournalProvider == JournalProvider.Sqlite ? "SQLite.MS" : "PostgreSQL.15";
        if (options.JournalProvider == JournalProvider.Sqlite && new SqliteConnectionStringBuilder(options.JournalConnection).DataSource is { Length: > 0 } file
            && Path.GetDirectoryName(Path.GetFullPath(file)) is { } directory)
            Directory.CreateDirectory(directory);
        return ConfigurationFactory.ParseString($$"""
            {{JournalPlugin}} {
              class = "Akka.Persistence.Sql.Journal.SqlWriteJournal, Akka.Persistence.Sql"
              connection-string = {{Quote(options.JournalConnection)}}
              provider-name = "{{provider}}"
              auto-initialize = true
            }
            {{SnapshotPlugin}} {
              class = "Akka.Persistence.Sql.Snapshot.SqlSnapshotStore, Akka.Persistence.Sql"
              connection-string = {{Quote(options.JournalConnection)}}
              provider-name = "{{provider}}"
              auto-initialize = true
            }
            """).WithFallback(SqlPersistence.DefaultConfiguration);
    }

    private static string Quote(string text) => '"' + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + '"';
}
