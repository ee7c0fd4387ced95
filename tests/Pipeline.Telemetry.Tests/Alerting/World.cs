namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>
/// A source, a table and the process between them, in steps of ten seconds: records arrive, looks see them, they are landed as
/// fast as capacity allows, commit by commit. What is measured follows from that; no series is drawn by itself.
/// </summary>
internal sealed class World
{
    public const int Step = 10;

    /// <summary>A process that owns the table for a while.</summary>
    /// <param name="Life">The same number twice is the same process: it goes on counting.</param>
    public sealed record Ownership(double From, double To, int Node, int Life);

    public required Random Random { get; init; }
    public required double Length { get; init; }
    public required double Sla { get; init; }
    public string Table { get; init; } = "bronze/shop/orders";
    public string Layer { get; init; } = "bronze";

    /// <summary>Records a second that arrive at a time.</summary>
    public required Func<double, double> Arrivals { get; set; }

    /// <summary>Records that arrive at once, at their moments.</summary>
    public List<(double At, double Records)> Bursts { get; } = [];

    /// <summary>Records a second that could be landed at a time, given the freshness now. 0: none.</summary>
    public required Func<double, double, double> Capacity { get; set; }

    /// <summary>Whether the source answers at a time.</summary>
    public Func<double, bool> CanLook { get; set; } = _ => true;

    public double LookEvery { get; init; } = Step;
    public double CommitEvery { get; init; } = 30;

    /// <summary>Whether what a look has seen is landed in one commit, when all of it is ready.</summary>
    public bool LandsAtOnce { get; init; }

    /// <summary>Whether the table is known to reflect a look only if nothing waited at it; else as soon as what it saw is landed.</summary>
    public bool KnowsOnlyEmptyLooks { get; init; }

    /// <summary>Whether a new process does not know of looks before its own, only of the last record that was landed.</summary>
    public bool ForgetsLooks { get; init; }

    /// <summary>Seconds from a process's start, or from taking the table, to its first look.</summary>
    public double LooksAfter { get; init; } = 20;

    public List<Ownership> Owners { get; } = [];

    /// <summary>Seconds by which the node's clock is ahead.</summary>
    public Func<double, double> NodeClock { get; set; } = _ => 0;

    /// <summary>Seconds by which the source's clock is ahead.</summary>
    public Func<double, double> SourceClock { get; set; } = _ => 0;

    /// <summary>Sigma of the noise on arrivals and on capacity, of minutes.</summary>
    public double Noise { get; init; } = 0.1;

    public double ScrapesMissed { get; init; }

    public TableHistory Run()
    {
        if (Owners.Count == 0) Owners.Add(new Ownership(0, double.PositiveInfinity, 0, 0));
        var steps = (int)(Length / Step);
        var arrived = new double[steps + 1];
        var truth = new double[(int)(Length / 60) + 1];
        List<Sample> samples = [];
        Dictionary<int, (double Arrived, double Landed)> counted = [];
        var bursts = new Queue<(double At, double Records)>(Bursts.OrderBy(b => b.At));
        var (phase, jitter) = (Random.NextDouble() * 50, Random.NextDouble() * 5);
        var (arrivalNoise, capacityNoise) = (1.0, 1.0);
        var (landed, processed, seen) = (0.0, 0.0, 0.0);
        // The moment of the source that the table reflects: as it is known to the process by its clocks, and as it is.
        var (lookedAt, lookedAtByNode, reflects, trulyReflects) = (0.0, 0.0, 0.0, 0.0);
        var (newestLanded, allLanded, lastLookStep) = (0, 0, 0);
        var (nextLook, nextCommit) = (0.0, 0.0);
        Ownership? owner = null;
        var ownerAt = 0;
        var hasLooked = false;
        var nextSample = phase;
        var baseline = (Arrived: 0.0, Landed: 0.0);

        for (var k = 1; k <= steps; k++)
        {
            var time = (double)k * Step;
            if (k % 6 == 1)
            {
                arrivalNoise = Math.Exp((0.6 * Math.Log(arrivalNoise)) + (0.8 * Noise * Gaussian()));
                capacityNoise = Math.Exp((0.6 * Math.Log(capacityNoise)) + (0.4 * Noise * Gaussian()));
            }

            var arrivals = Poisson(Arrivals(time) * arrivalNoise * Step);
            while (bursts.Count > 0 && bursts.Peek().At <= time) arrivals += Math.Round(bursts.Dequeue().Records);
            arrived[k] = arrived[k - 1] + arrivals;

            while (ownerAt < Owners.Count && Owners[ownerAt].To <= time) ownerAt++;
            var current = ownerAt < Owners.Count && Owners[ownerAt].From <= time ? Owners[ownerAt] : null;
            if (current != owner)
            {
                if (owner is not null) counted[owner.Life] = (baseline.Arrived + seen, baseline.Landed + landed);
                processed = landed;
                if (current is not null)
                {
                    var before = counted.GetValueOrDefault(current.Life);
                    baseline = (before.Arrived - seen, before.Landed - landed);
                    (hasLooked, nextLook, nextCommit) = (false, time + LooksAfter, time + LooksAfter + CommitEvery);
                    if (ForgetsLooks) reflects = EventTime(newestLanded);
                }
                owner = current;
            }

            if (owner is not null)
            {
                if (time >= nextLook && CanLook(time))
                {
                    if (!hasLooked && !counted.ContainsKey(owner.Life)) baseline.Arrived = -arrived[k];
                    (seen, lookedAt, lookedAtByNode, lastLookStep, hasLooked) = (arrived[k], time, time + NodeClock(time), k, true);
                    nextLook = time + LookEvery;
                    if (landed >= seen) reflects = lookedAtByNode;
                }
                processed = Math.Min(seen, processed + (Capacity(time, time - trulyReflects) * capacityNoise * Step));
                if (time >= nextCommit)
                {
                    nextCommit = time + CommitEvery;
                    if (Math.Floor(processed) > landed && (!LandsAtOnce || processed >= seen))
                    {
                        landed = Math.Floor(processed);
                        while (arrived[newestLanded] < landed) newestLanded++;
                        // A clock that was set back makes no table older: it is known to reflect what it did.
                        reflects = Math.Max(reflects, EventTime(newestLanded));
                        if (landed >= seen && !KnowsOnlyEmptyLooks) reflects = lookedAtByNode;
                    }
                }
                while (allLanded < lastLookStep && arrived[allLanded + 1] <= landed) allLanded++;
                trulyReflects = Math.Max(trulyReflects, (double)allLanded * Step);
            }

            if (k % 6 == 0) truth[k / 6] = time - trulyReflects;
            if (time < nextSample) continue;
            var at = Math.Min(Length, time + (jitter * Random.NextDouble()));
            nextSample += 60;
            if (owner is null || (Random.NextDouble() < ScrapesMissed && samples.Count > 0)) continue;
            var now = at + NodeClock(at);
            var counts = Layer == "bronze" && hasLooked;
            samples.Add(new Sample(at, now, owner.Node, owner.Life, Math.Max(0, now - reflects),
                counts ? seen - landed : double.NaN, counts ? Math.Max(0, baseline.Arrived + seen) : double.NaN, counts ? baseline.Landed + landed : double.NaN));
        }
        return new TableHistory(Table, Layer, Sla, samples, truth);

        double EventTime(int step) => ((double)step * Step) + SourceClock((double)step * Step);
    }

    private double Gaussian() => Math.Sqrt(-2 * Math.Log(1 - Random.NextDouble())) * Math.Cos(2 * Math.PI * Random.NextDouble());

    private double Poisson(double mean)
    {
        if (mean <= 0) return 0;
        if (mean > 50) return Math.Max(0, Math.Round(mean + (Math.Sqrt(mean) * Gaussian())));
        var (limit, count, product) = (Math.Exp(-mean), 0, Random.NextDouble());
        while (product > limit)
        {
            count++;
            product *= Random.NextDouble();
        }
        return count;
    }
}
