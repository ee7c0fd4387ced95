using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Pipeline.Remoting.Joining;

namespace Pipeline.Transform.Coordination.Runners;

/// <summary>
/// Speaks for the coordinator with the nodes that run jobs: asks each what it runs, again and again, so that a lost message
/// does not matter, and says when one is gone. The nodes tell it how jobs end.
/// </summary>
internal sealed class RunnerDirectoryActor : ReceiveActor, IWithTimers
{
    /// <summary>Of <see cref="JobRunnersActor"/> below <c>/user</c>.</summary>
    public const string RunnersName = "job-runners";

    /// <summary>A run that no node owns up to within this time is started again.</summary>
    public static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan AskInterval = TimeSpan.FromSeconds(1);

    private readonly Dictionary<Address, IActorRef> _runners = [];
    private readonly HashSet<Address> _members = [];
    private readonly Cluster _cluster = Cluster.Get(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly string _role;

    /// <param name="role">Of the nodes that run jobs.</param>
    public RunnerDirectoryActor(string role)
    {
        _role = role;
        Receive<ClusterEvent.CurrentClusterState>(OnState);
        Receive<ClusterEvent.MemberUp>(up => OnUp(up.Member));
        // Whoever leaves stops its jobs when it is gone: others begin with them now.
        Receive<ClusterEvent.MemberLeft>(left => OnGone(left.Member.Address));
        Receive<ClusterEvent.MemberRemoved>(removed => OnGone(removed.Member.Address));
        Receive<ClusterEvent.IMemberEvent>(_ => { });
        Receive<AskDue>(_ => Ask(_members));
        Receive<RunningJobs>(OnAnswer);
        Receive<JobEnded>(OnEnded);
        Receive<Terminated>(OnTerminated);
        Receive<ToRunner>(to => OnTell(to));
        Receive<RunnersWaitedFor>(over => Context.Parent.Tell(over));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(string role) => Akka.Actor.Props.Create(() => new RunnerDirectoryActor(role));

    protected override void PreStart()
    {
        _cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsSnapshot, typeof(ClusterEvent.MemberUp), typeof(ClusterEvent.MemberLeft), typeof(ClusterEvent.MemberRemoved));
        Timers.StartPeriodicTimer(nameof(AskDue), AskDue.Instance, AskInterval);
        Timers.StartSingleTimer(nameof(RunnersWaitedFor), RunnersWaitedFor.Instance, AnswerMax);
    }

    protected override void PostStop() => _cluster.Unsubscribe(Self);

    private void OnState(ClusterEvent.CurrentClusterState state)
    {
        _members.UnionWith(state.Members.Where(member => member.Status == MemberStatus.Up && member.HasRole(_role)).Select(member => member.Address));
        Context.Parent.Tell(new RunnersAsked([.. _members.Select(Name)]));
        Ask(_members);
    }

    private void OnUp(Member member)
    {
        if (member.HasRole(_role) && _members.Add(member.Address)) Ask([member.Address]);
    }

    private void OnGone(Address address)
    {
        _members.Remove(address);
        Lose(address);
    }

    private void Ask(IEnumerable<Address> addresses)
    {
        foreach (var address in addresses)
            Context.ActorSelection(new RootActorPath(address) / "user" / RunnersName).Tell(new GetRunningJobs());
    }

    private void OnAnswer(RunningJobs answer)
    {
        if (!Context.IsFromCluster(_log, answer, "the jobs of a node")) return;
        var address = Sender.Path.Address.HasLocalScope ? _cluster.SelfAddress : Sender.Path.Address;
        if (!_members.Contains(address)) return;
        if (_runners.TryGetValue(address, out var known) && !known.Equals(Sender)) Lose(address);
        if (_runners.TryAdd(address, Sender)) Context.Watch(Sender);
        Context.Parent.Tell(new RunnerAnswered(Name(address), answer.Jobs) { Submitted = answer.Submitted ?? [] });
    }

    private void OnEnded(JobEnded ended)
    {
        if (Context.IsFromCluster(_log, ended, ended.Table)) Context.Parent.Tell(ended);
    }

    private void OnTerminated(Terminated terminated)
    {
        foreach (var address in _runners.Where(pair => pair.Value.Equals(terminated.ActorRef)).Select(pair => pair.Key).ToList()) Lose(address);
    }

    private void Lose(Address address)
    {
        if (!_runners.Remove(address, out var runner)) return;
        Context.Unwatch(runner);
        Context.Parent.Tell(new RunnerLost(Name(address)));
    }

    /// <summary>A node that is gone meanwhile: its loss has been told.</summary>
    private void OnTell(ToRunner to)
    {
        foreach (var (address, runner) in _runners)
            if (to.Runner is null || Name(address) == to.Runner) runner.Tell(to.Message);
    }

    private static string Name(Address address) => address.ToString();

    private sealed record AskDue : INoSerializationVerificationNeeded
    {
        public static readonly AskDue Instance = new();
    }
}

/// <summary>Something to tell a node that runs jobs.</summary>
/// <param name="Runner">Its address; null: all.</param>
internal sealed record ToRunner(string? Runner, object Message) : INoSerializationVerificationNeeded;
