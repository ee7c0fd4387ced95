using Akka.Actor;
using Akka.Configuration;
using Akka.Persistence;

namespace Pipeline.Transform.Coordination.Journal;

/// <summary>
/// The persistence plug-ins of one actor system. Akka makes a plug-in once, and it makes its tables once, when it is made: a
/// journal that was away or was made anew needs another one.
/// </summary>
internal sealed class JournalPlugins(TransformOptions options)
{
    private int _number = 1;
    private bool _isMade;

    public string Journal => $"pipeline.transform.journal-{_number}";

    public string Snapshots => $"pipeline.transform.snapshots-{_number}";

    /// <summary>Configures the plug-ins that are current, unless it has.</summary>
    public void Make(ActorSystem system)
    {
        if (_isMade) return;
        _isMade = true;
        var provider = options.JournalProvider == JournalProvider.Sqlite ? "SQLite.MS" : "PostgreSQL.15";
        system.Settings.InjectTopLevelFallback(ConfigurationFactory.ParseString($$"""
            {{Journal}} {
              class = "Akka.Persistence.Sql.Journal.SqlWriteJournal, Akka.Persistence.Sql"
              connection-string = {{Quote(options.JournalConnection)}}
              provider-name = "{{provider}}"
              auto-initialize = true
            }
            {{Snapshots}} {
              class = "Akka.Persistence.Sql.Snapshot.SqlSnapshotStore, Akka.Persistence.Sql"
              connection-string = {{Quote(options.JournalConnection)}}
              provider-name = "{{provider}}"
              auto-initialize = true
            }
            """));
    }

    /// <summary>Lets go of the current ones: the next are new.</summary>
    public void Renew(ActorSystem system)
    {
        if (!_isMade) return;
        var persistence = Persistence.Instance.Apply(system);
        system.Stop(persistence.JournalFor(Journal));
        system.Stop(persistence.SnapshotStoreFor(Snapshots));
        _number++;
        _isMade = false;
    }

    private static string Quote(string text) => '"' + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + '"';
}
