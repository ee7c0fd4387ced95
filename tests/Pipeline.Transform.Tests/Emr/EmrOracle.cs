using Pipeline.Emulation.Emr;

namespace Pipeline.Transform.Tests.Emr;

/// <summary>A commit of a table, as the table's log has it.</summary>
/// <param name="Run">The intent that it is of.</param>
/// <param name="Execution">Whose files it names.</param>
internal sealed record TableCommit(DateTimeOffset At, string Table, string Run, string Execution);

/// <summary>An intent: that a run of a table is to be made.</summary>
internal sealed record Intent(string Table, string Run);

/// <summary>
/// Judges what has happened by what must be: one run for one intent. It knows the emulated service's own log, the tables' commits
/// and what was intended, and nothing of how runs are executed.
/// </summary>
internal static class EmrOracle
{
    private static readonly string[] Terminal = ["COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED"];

    /// <summary>Every way in which it is not so; none: all is well.</summary>
    /// <param name="isOver">Whether all that was intended has had its time: what is not committed by now is lost.</param>
    public static IReadOnlyList<string> Judge(IReadOnlyList<EmrEvent> log, IReadOnlyList<TableCommit> commits, IReadOnlyList<Intent> intents, bool isOver) =>
        [.. Replacements(log), .. SharedNames(log), .. Doubled(commits), .. Unseen(log, commits), .. isOver ? Lost(commits, intents) : []];

    /// <summary>Nothing is submitted for a run while another execution of it can still write: from its submission to its terminal state.</summary>
    private static IEnumerable<string> Replacements(IReadOnlyList<EmrEvent> log)
    {
        var canWrite = new Dictionary<string, StepName>(StringComparer.Ordinal);
        foreach (var happened in log.Where(happened => happened.Step is not null))
        {
            if (happened.What == "submitted")
            {
                var name = StepName.Of(happened.Name!);
                foreach (var (step, old) in canWrite.Where(pair => pair.Value.IsSameRunAs(name)))
                    yield return $"replacement: {happened.Step} ({happened.Name}) was submitted at {happened.At:HH:mm:ss.fff} while {step} (execution {old.Execution}) could still write";
                canWrite.Add(happened.Step!, name);
            }
            else if (happened.What == "state" && Terminal.Contains(happened.State))
            {
                canWrite.Remove(happened.Step!);
            }
        }
    }

    /// <summary>Two executions never share a name.</summary>
    private static IEnumerable<string> SharedNames(IReadOnlyList<EmrEvent> log) =>
        log.Where(happened => happened.What == "submitted").GroupBy(happened => happened.Name, StringComparer.Ordinal).Where(group => group.Count() > 1)
            .Select(group => $"shared name: {group.Key} was submitted {group.Count()} times");

    /// <summary>An intent is committed once.</summary>
    private static IEnumerable<string> Doubled(IReadOnlyList<TableCommit> commits) =>
        commits.GroupBy(commit => (commit.Table, commit.Run)).Where(group => group.Count() > 1)
            .Select(group => $"doubled: run {group.Key.Run} of {group.Key.Table} was committed {group.Count()} times, of executions {string.Join(", ", group.Select(commit => commit.Execution))}");

    /// <summary>What is committed is the answer of an execution that was seen to end well.</summary>
    private static IEnumerable<string> Unseen(IReadOnlyList<EmrEvent> log, IReadOnlyList<TableCommit> commits) =>
        from commit in commits
        where !log.Any(happened => happened.What == "state" && happened.State == "COMPLETED" && happened.At <= commit.At && StepName.Of(happened.Name!).Execution == commit.Execution)
        select $"unseen: {commit.Table} run {commit.Run} was committed of execution {commit.Execution}, which had not completed";

    private static IEnumerable<string> Lost(IReadOnlyList<TableCommit> commits, IReadOnlyList<Intent> intents) =>
        intents.Where(intent => !commits.Any(commit => commit.Table == intent.Table && commit.Run == intent.Run)).Select(intent => $"lost: run {intent.Run} of {intent.Table} was never committed");

    /// <summary>The most polls of a cluster that began within one minute.</summary>
    public static int PollsAMinute(IReadOnlyList<EmrEvent> log, string cluster)
    {
        var polls = log.Where(happened => happened is { What: "call", Operation: "ListSteps" } && happened.Cluster == cluster).Select(happened => happened.At).Order().ToList();
        return polls.Count == 0 ? 0 : polls.Max(from => polls.Count(at => at >= from && at < from + TimeSpan.FromMinutes(1)));
    }

    /// <summary>The parts of <c>pipeline-lake/table/run/execution</c>; the table may have slashes.</summary>
    private sealed record StepName(string Pipeline, string Table, string Run, string Execution)
    {
        public static StepName Of(string name)
        {
            var parts = name.Split('/');
            return new StepName(parts[0], string.Join('/', parts[1..^2]), parts[^2], parts[^1]);
        }

        public bool IsSameRunAs(StepName other) => (Pipeline, Table, Run) == (other.Pipeline, other.Table, other.Run);
    }
}
