using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Sharding;

namespace Pipeline.Ingest.Worker;

/// <summary>Has every worker of a table be somewhere: those whose node has gone are started elsewhere.</summary>
internal sealed class WorkersAliveActor : ReceiveActor, IWithTimers
{
    private readonly TimeSpan _every;

    public WorkersAliveActor(IActorRef region, int workers, TimeSpan every)
    {
        _every = every;
        Receive<StartDue>(_ =>
        {
            for (var worker = 0; worker < workers; worker++) region.Tell(new ShardRegion.StartEntity(worker.ToString(CultureInfo.InvariantCulture)));
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(IActorRef region, int workers, TimeSpan every) => Akka.Actor.Props.Create(() => new WorkersAliveActor(region, workers, every));

    protected override void PreStart() => Timers.StartPeriodicTimer(nameof(StartDue), StartDue.Instance, TimeSpan.Zero, _every);

    private sealed record StartDue : INoSerializationVerificationNeeded
    {
        public static readonly StartDue Instance = new();
    }
}
