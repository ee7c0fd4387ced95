using System.Reflection;
using System.Text.RegularExpressions;
using Akka.Actor;

namespace Pipeline.Node.Tests;

/// <summary>
/// The actors of a running node as docs/architecture.md draws them: everything that is ours, what stands above it, and what it
/// has made below. Names that differ from run to run, from table to table and from worker to worker are written in capitals.
/// </summary>
internal sealed partial class ActorTree
{
    private const BindingFlags Hidden = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>By path, and a path's children right behind it.</summary>
    private readonly SortedDictionary<string, (string Type, string Strategy)> _seen =
        new(Comparer<string>.Create((a, b) => string.CompareOrdinal(a.Replace('/', '\0'), b.Replace('/', '\0'))));

    /// <summary>Adds what runs now. Actors come and go: a tree is what was seen in several looks.</summary>
    public void Look(ActorSystem system)
    {
        var provider = ((ExtendedActorSystem)system).Provider;
        Visit(provider.Guardian, "/user", isOurs: false);
        Visit(provider.SystemGuardian, "/system", isOurs: false);
    }

    public bool Has(string actor) => _seen.Values.Any(seen => seen.Type == actor);

    /// <summary>A line an actor: its name, its type, and what becomes of a child that fails.</summary>
    public string Draw()
    {
        var lines = _seen.Select(seen => (Name: new string(' ', 2 * (seen.Key.Count('/') - 1)) + (seen.Key.Count('/') == 1 ? seen.Key : seen.Key[(seen.Key.LastIndexOf('/') + 1)..]), seen.Value)).ToList();
        var (names, types) = (lines.Max(line => line.Name.Length), lines.Max(line => line.Value.Type.Length));
        return string.Join('\n', lines.Select(line => $"{line.Name.PadRight(names)}  {line.Value.Type.PadRight(types)}  {line.Value.Strategy}".TrimEnd()));
    }

    private bool Visit(IActorRef actor, string path, bool isOurs)
    {
        if (actor is not ActorRefWithCell { Underlying: ActorCell cell }) return false;
        var type = cell.Props.Type;
        isOurs |= type.Namespace?.StartsWith("Pipeline.", StringComparison.Ordinal) == true;
        // What is directly below /user was started by us, whoever wrote it.
        var isSeen = isOurs || (path.StartsWith("/user/", StringComparison.Ordinal) && path.Count('/') == 2);
        var hasChildren = false;
        foreach (var child in ((ActorRefWithCell)actor).Children.ToList())
            if (Visit(child, $"{path}/{NameOf(child, type)}", isOurs)) hasChildren = true;
        if (!isSeen && !hasChildren) return false;
        var strategy = hasChildren && Strategy(cell) is { } found ? found : "";
        // An actor of one path may have been seen before it had children.
        if (!_seen.TryGetValue(path, out var before) || before.Strategy.Length == 0) _seen[path] = (type.Name, strategy);
        return true;
    }

    private static string NameOf(IActorRef actor, Type parent)
    {
        var name = Uri.UnescapeDataString(actor.Path.Name);
        return parent.Name switch
        {
            "ShardRegion" => "SHARD",
            "Shard" when name.Contains('~', StringComparison.Ordinal) => "LAYER~SOURCE~TABLE",
            "Shard" => "WORKER",
            "JobRunnersActor" => "JOB",
            "StreamSupervisor" => "STAGES",
            _ => Number().Replace(Table().Replace(name, "ingest-SOURCE-TABLE"), "N"),
        };
    }

    private static string? Strategy(ActorCell cell)
    {
        if (typeof(ActorCell).GetProperty("Actor", Hidden)?.GetValue(cell) is not ActorBase actor) return null;
        var strategy = (SupervisorStrategy)typeof(ActorBase).GetProperty("SupervisorStrategyInternal", Hidden)!.GetValue(actor)!;
        var (scope, retries, span) = strategy switch
        {
            OneForOneStrategy one => ("one for one", one.MaxNumberOfRetries, one.WithinTimeRangeMilliseconds),
            AllForOneStrategy all => ("all for one", all.MaxNumberOfRetries, all.WithinTimeRangeMilliseconds),
            _ => (strategy.GetType().Name, -1, -1),
        };
        var directive = strategy switch
        {
            OneForOneStrategy one => one.Decider.Decide(new InvalidOperationException()),
            AllForOneStrategy all => all.Decider.Decide(new InvalidOperationException()),
            _ => Directive.Escalate,
        };
        return $"{scope}: {directive.ToString().ToLowerInvariant()}{(retries < 0 ? "" : $", at most {retries} times{(span < 0 ? "" : $" in {span} ms")}")}";
    }

    [GeneratedRegex("ingest-events-clicks")]
    private static partial Regex Table();

    [GeneratedRegex("[0-9]+|[$][a-zA-Z]")]
    private static partial Regex Number();
}
