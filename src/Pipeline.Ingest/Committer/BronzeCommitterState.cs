using System.Collections.Immutable;
using Akka.Actor;
using Pipeline.Core;

namespace Pipeline.Ingest.Committer;

/// <summary>What a committer is doing.</summary>
public enum CommitterPhase
{
    /// <summary>Knows nothing of the table; the next command opens it.</summary>
    Closed,

    /// <summary>Reads the table's log; commands wait.</summary>
    Opening,

    /// <summary>Judges stages as they come.</summary>
    Ready,

    /// <summary>One commit is under way; further stages are judged and gathered for the next.</summary>
    Committing,

    /// <summary>A commit or the opening failed and is tried again when the timer fires; commands wait.</summary>
    BackingOff,
}

/// <summary>A stage and the one to be told what became of it.</summary>
public sealed record PendingStage(StageFiles Stage, IActorRef ReplyTo);

/// <summary>A question for positions and the one who asked.</summary>
public sealed record PendingQuestion(GetPositions Question, IActorRef ReplyTo)
{
    /// <summary>The log has been read, or is, for the version that it must not be older than.</summary>
    public bool IsReadFor { get; init; }
}

/// <summary>Limits of a committer.</summary>
/// <param name="CommitInterval">At most one commit in this time; a stage after a quiet time, and one that ends a reading, is committed at once.</param>
/// <param name="FilesMax">Files after which gathering ends early.</param>
/// <param name="StagesMax">Undecided stages after which further ones are turned away to be sent again.</param>
/// <param name="Retry">How failed commits are tried again before their stages are given back.</param>
public sealed record CommitterLimits(TimeSpan CommitInterval, int FilesMax, int StagesMax, RetryPolicy Retry);

/// <summary>
/// The decisions of a table's committer: which stages fit, when to commit, whom to answer. Pure: the actor performs the
/// effects and reports back with the messages of <see cref="CommitterEvent"/>.
/// </summary>
/// <remarks>
/// Every stage lives in exactly one of three lists: <see cref="Arrived"/> (not judged, because the table's version is not
/// known or too old), <see cref="Gathered"/> (fits, waits for the next commit) and <see cref="InCommit"/>. Order is never changed, so
/// that the chain of a split's stages stays a chain.
/// </remarks>
public sealed record BronzeCommitterState(TableId Table, CommitterLimits Limits)
{
    public CommitterPhase Phase { get; init; } = CommitterPhase.Closed;

    /// <summary>The table's newest known version; meaningful while Ready or Committing.</summary>
    public ITableView View { get; init; } = MissingTableView.Instance;

    public ImmutableList<PendingStage> Arrived { get; init; } = [];

    public ImmutableList<PendingStage> Gathered { get; init; } = [];

    public ImmutableList<PendingStage> InCommit { get; init; } = [];

    public ImmutableList<PendingQuestion> Questions { get; init; } = [];

    /// <summary>Failures in a row.</summary>
    public int Failures { get; init; }

    public bool IsFlushScheduled { get; init; }

    public DateTimeOffset? LastCommitAt { get; init; }

    public static (BronzeCommitterState State, ImmutableList<CommitterEffect> Effects) Decide(BronzeCommitterState state, CommitterEvent message,
        DateTimeOffset now)
    {
        var effects = ImmutableList.CreateBuilder<CommitterEffect>();
        var next = message switch
        {
            CommitterEvent.Asked asked => state.OnAsked(asked.Question, effects),
            CommitterEvent.Staged staged => state.OnStaged(staged.Stage, effects),
            CommitterEvent.Opened opened => state.OnOpened(opened.View, effects),
            CommitterEvent.Failed failed => state.OnFailed(failed.Fault, effects),
            CommitterEvent.Committed committed => state.OnCommitted(committed, now, effects),
            CommitterEvent.Superseded superseded => state.OnSuperseded(superseded.View, effects),
            CommitterEvent.Unfounded unfounded => state.OnUnfounded(unfounded.Faults, effects),
            CommitterEvent.FlushDue => state with { IsFlushScheduled = false },
            CommitterEvent.RetryDue when state.Phase == CommitterPhase.BackingOff => state.Open(effects),
            _ => state,
        };
        next = next.Flush(flushNow: message is CommitterEvent.FlushDue, now, effects);
        return (next.AnswerQuestions(effects), effects.ToImmutable());
    }

    private BronzeCommitterState OnOpened(ITableView view, ImmutableList<CommitterEffect>.Builder effects)
    {
        // A store that can be read may still refuse to be written: only a commit ends the failures of one.
        var judged = (this with { Phase = CommitterPhase.Ready, View = view }).JudgeArrived(isFresh: true, effects);
        return judged is { Phase: CommitterPhase.Ready, Gathered.IsEmpty: true } ? judged with { Failures = 0 } : judged;
    }

    private BronzeCommitterState OnAsked(PendingQuestion question, ImmutableList<CommitterEffect>.Builder effects)
    {
        // One who asks again wants one answer, to what was asked last.
        var next = this with { Questions = Questions.RemoveAll(earlier => IsSame(earlier, question)).Add(question) };
        // A table that was missing may have been made since.
        return Phase == CommitterPhase.Closed || (Phase == CommitterPhase.Ready && View.Version < 0) ? next.Open(effects) : next;
    }

    private BronzeCommitterState OnStaged(PendingStage stage, ImmutableList<CommitterEffect>.Builder effects)
    {
        if (StageCheck.FaultOf(Table, stage.Stage) is { } fault) return TurnAway(stage, fault, effects);
        if (IsPending(stage.Stage.Id)) return ReplyTo(stage);
        if (Arrived.Count + Gathered.Count + InCommit.Count >= Limits.StagesMax)
        {
            effects.Add(new CommitterEffect.Reply(stage.ReplyTo, new StageFailed(stage.Stage.Id, Table, new Fault(FaultKind.Unreachable,
                $"Table {Table}", $"{Limits.StagesMax} stages already wait for a commit", "Look why storage is slow or away."))));
            return this;
        }

        return Phase switch
        {
            CommitterPhase.Opening or CommitterPhase.BackingOff => this with { Arrived = Arrived.Add(stage) },
            // Nothing is known, or it is out of date: the worker makes the table before it stages.
            _ when View.Version < 0 => (this with { Arrived = Arrived.Add(stage) }).Open(effects),
            _ => Judge(stage, isFresh: false, effects),
        };
    }

    /// <summary>Gathers a stage that fits; answers one that is in the table already or does not fit.</summary>
    /// <param name="isFresh">The log has just been read.</param>
    private BronzeCommitterState Judge(PendingStage pending, bool isFresh, ImmutableList<CommitterEffect>.Builder effects)
    {
        var stage = pending.Stage;
        var isOfThisEpoch = stage.Ranges.All(range => View.Epoch(range.Split) == (range.Epoch ?? 0));
        if (isOfThisEpoch && stage.Ranges.All(range => Reached(range.Split) == range.From)) return this with { Gathered = Gathered.Add(pending) };

        if (isOfThisEpoch && stage.Ranges.All(range => View.Position(range.Split) >= range.To) && stage.Files.All(file => View.Contains(file.Path)))
        {
            effects.Add(new CommitterEffect.Reply(pending.ReplyTo, new StageCommitted(stage.Id, Table, View.Version, LastCommitAt ?? DateTimeOffset.UnixEpoch)));
            return this;
        }

        // The worker knows of commits that we do not: another committer made them. The log decides, not our memory.
        if (!isFresh && (!isOfThisEpoch || stage.Ranges.Any(range => Nullable.Compare(View.Position(range.Split), range.From) < 0)))
            return (this with { Arrived = Arrived.Add(pending) }).OpenUnlessCommitting(effects);

        effects.Add(new CommitterEffect.Reply(pending.ReplyTo, new StageRefused(stage.Id, Table, View.PositionsOf(stage.Ranges.Select(range => range.Split)))));
        return this;
    }

    /// <summary>Where a split will stand when everything that is gathered or under way is committed.</summary>
    private long? Reached(SplitId split)
    {
        foreach (var list in (ReadOnlySpan<ImmutableList<PendingStage>>)[Gathered, InCommit])
            for (var i = list.Count - 1; i >= 0; i--)
                foreach (var range in list[i].Stage.Ranges)
                    if (range.Split == split) return range.To;
        return View.Position(split);
    }

    private BronzeCommitterState JudgeArrived(bool isFresh, ImmutableList<CommitterEffect>.Builder effects)
    {
        var arrived = Arrived;
        if (View.Version < 0 && arrived.Count > 0)
            return OnFailed(new Fault(FaultKind.Missing, $"Table {Table}", "there is no such table though files are staged for it",
                "Was its directory removed? Restart the node: it makes the table again and reads from the beginning."), effects);
        return arrived.Aggregate(this with { Arrived = [] }, (state, stage) => state.Judge(stage, isFresh, effects));
    }

    private BronzeCommitterState OnCommitted(CommitterEvent.Committed committed, DateTimeOffset now, ImmutableList<CommitterEffect>.Builder effects)
    {
        var version = committed.View.Version;
        foreach (var pending in InCommit)
            effects.Add(new CommitterEffect.Reply(pending.ReplyTo, new StageCommitted(pending.Stage.Id, Table, version, now)));
        effects.Add(new CommitterEffect.Announce(new BronzeCommitted(Table, version, InCommit.Sum(pending => pending.Stage.Rows),
            InCommit.Max(pending => pending.Stage.NewestEventAt), now)));
        return (this with { Phase = CommitterPhase.Ready, View = committed.View, InCommit = [], Failures = 0 }).JudgeArrived(isFresh: false, effects);
    }

    /// <summary>The commit was not made because the table moved: judge everything again against what it is now.</summary>
    private BronzeCommitterState OnSuperseded(ITableView view, ImmutableList<CommitterEffect>.Builder effects) =>
        (this with { Phase = CommitterPhase.Ready, View = view, Arrived = [.. InCommit, .. Gathered, .. Arrived], InCommit = [], Gathered = [] })
        .JudgeArrived(isFresh: true, effects);

    /// <summary>The stages whose files are not there are turned away; the others are judged again without them.</summary>
    private BronzeCommitterState OnUnfounded(ImmutableDictionary<Guid, Fault> faults, ImmutableList<CommitterEffect>.Builder effects)
    {
        var others = InCommit.Where(pending => !faults.ContainsKey(pending.Stage.Id));
        foreach (var pending in InCommit)
            if (faults.TryGetValue(pending.Stage.Id, out var fault)) TurnAway(pending, fault, effects);
        return (this with { Phase = CommitterPhase.Ready, Arrived = [.. others, .. Gathered, .. Arrived], InCommit = [], Gathered = [] })
            .JudgeArrived(isFresh: true, effects);
    }

    private BronzeCommitterState TurnAway(PendingStage pending, Fault fault, ImmutableList<CommitterEffect>.Builder effects)
    {
        effects.Add(new CommitterEffect.TellTurnedAway(fault));
        effects.Add(new CommitterEffect.Reply(pending.ReplyTo, new StageFailed(pending.Stage.Id, Table, fault)));
        return this;
    }

    /// <summary>
    /// What is away is waited for here, and nowhere else. Everything else goes back to the workers: an error that people must
    /// mend, and a defect, from which they and this committer start clean.
    /// </summary>
    private BronzeCommitterState OnFailed(Fault fault, ImmutableList<CommitterEffect>.Builder effects)
    {
        // Whether a failed commit has happened is known only after reading the log again: nothing stays judged.
        var undecided = this with { Arrived = [.. InCommit, .. Gathered, .. Arrived], InCommit = [], Gathered = [], Failures = Failures + 1 };
        if (fault.IsTransient && Limits.Retry.Next(undecided.Failures) is { } pause)
        {
            effects.Add(new CommitterEffect.RetryAfter(pause));
            return undecided with { Phase = CommitterPhase.BackingOff };
        }

        foreach (var pending in undecided.Arrived)
            effects.Add(new CommitterEffect.Reply(pending.ReplyTo, new StageFailed(pending.Stage.Id, Table, fault)));
        foreach (var question in undecided.Questions)
            effects.Add(new CommitterEffect.Reply(question.ReplyTo, new PositionsUnavailable(Table, question.Question.Tag, fault)));
        return undecided with { Phase = CommitterPhase.Closed, View = MissingTableView.Instance, Arrived = [], Questions = [], Failures = 0 };
    }

    private BronzeCommitterState Flush(bool flushNow, DateTimeOffset now, ImmutableList<CommitterEffect>.Builder effects)
    {
        if (Phase != CommitterPhase.Ready || Gathered.Count == 0) return this;

        var dueIn = LastCommitAt + Limits.CommitInterval - now;
        // The last commit was made before the clock was set back: it is no reason to wait.
        if (dueIn > Limits.CommitInterval) dueIn = null;
        if (flushNow || dueIn is null || dueIn <= TimeSpan.Zero || Gathered.Any(pending => pending.Stage.IsEnd is true) || Gathered.Sum(pending => pending.Stage.Files.Length) >= Limits.FilesMax)
        {
            var batch = NextBatch();
            effects.Add(new CommitterEffect.Commit(batch, View));
            return this with { Phase = CommitterPhase.Committing, InCommit = batch, Gathered = Gathered.RemoveRange(0, batch.Count), LastCommitAt = now };
        }

        if (IsFlushScheduled) return this;
        effects.Add(new CommitterEffect.FlushAfter(dueIn.Value));
        return this with { IsFlushScheduled = true };
    }

    /// <summary>All that is gathered, up to the first stage that brings another schema than those before it.</summary>
    private ImmutableList<PendingStage> NextBatch()
    {
        byte[]? schema = null;
        var count = 0;
        foreach (var pending in Gathered)
        {
            if (pending.Stage.Schema is { } wanted)
            {
                if (schema is not null && !schema.AsSpan().SequenceEqual(wanted)) break;
                schema = wanted;
            }

            count++;
        }

        return Gathered.GetRange(0, count);
    }

    private BronzeCommitterState AnswerQuestions(ImmutableList<CommitterEffect>.Builder effects)
    {
        if (Questions.Count == 0 || Phase is not (CommitterPhase.Ready or CommitterPhase.Committing)) return this;
        // One who asks may have written to the table, and all that is known here may be from before: the log is read for it, once.
        if (Phase == CommitterPhase.Ready && Questions.Exists(question => !question.IsReadFor && View.Version < question.Question.AtLeast))
            return (this with { Questions = [.. Questions.Select(question => question with { IsReadFor = true })] }).Open(effects);

        var undecided = Gathered.Concat(InCommit).SelectMany(pending => pending.Stage.Ranges).Select(range => range.Split)
            .ToHashSet();
        var waiting = ImmutableList.CreateBuilder<PendingQuestion>();
        foreach (var question in Questions)
        {
            var isBehind = Phase == CommitterPhase.Committing && View.Version < question.Question.AtLeast;
            if (isBehind || question.Question.Splits.Any(undecided.Contains)) waiting.Add(question);
            else
                effects.Add(new CommitterEffect.Reply(question.ReplyTo,
                    new PositionsFound(Table, question.Question.Tag, View.Version, View.PositionsOf(question.Question.Splits), View.EpochsOf(question.Question.Splits), View.MarksOf(question.Question.Splits))));
        }

        return this with { Questions = waiting.ToImmutable() };
    }

    /// <summary>What is under way ends with a newer version anyway.</summary>
    private BronzeCommitterState OpenUnlessCommitting(ImmutableList<CommitterEffect>.Builder effects) =>
        Phase == CommitterPhase.Ready ? Open(effects) : this;

    private BronzeCommitterState Open(ImmutableList<CommitterEffect>.Builder effects)
    {
        effects.Add(new CommitterEffect.Open(View));
        return this with { Phase = CommitterPhase.Opening };
    }

    private bool IsPending(Guid id) =>
        Arrived.Exists(pending => pending.Stage.Id == id) || Gathered.Exists(pending => pending.Stage.Id == id)
        || InCommit.Exists(pending => pending.Stage.Id == id);

    private static bool IsSame(PendingQuestion earlier, PendingQuestion question) =>
        earlier.ReplyTo.Equals(question.ReplyTo) && earlier.Question.Splits.SequenceEqual(question.Question.Splits);

    /// <summary>A stage sent again: its answer goes to where it came from last.</summary>
    private BronzeCommitterState ReplyTo(PendingStage again) =>
        this with { Arrived = Replace(Arrived, again), Gathered = Replace(Gathered, again), InCommit = Replace(InCommit, again) };

    private static ImmutableList<PendingStage> Replace(ImmutableList<PendingStage> list, PendingStage again)
    {
        var index = list.FindIndex(pending => pending.Stage.Id == again.Stage.Id);
        return index < 0 ? list : list.SetItem(index, again);
    }
}
