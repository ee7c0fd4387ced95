using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Telemetry.Alerting;
using Pipeline.Telemetry.CloudWatch;
using Pipeline.Telemetry.Otlp;

namespace Pipeline.Telemetry;

/// <summary>What a node measures and where that is sent: the section <c>telemetry</c> of the configuration.</summary>
public sealed record TelemetryOptions
{
    /// <summary>
    /// How long an interval is: what was measured within it is sent as one. Default 1 min, 1 s to 1 h; intervals end at multiples of it by the
    /// clock. Shorter is fresher and costs more requests.
    /// </summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Amazon CloudWatch; null: nothing is sent there.</summary>
    public CloudWatchOptions? CloudWatch { get; init; }

    /// <summary>Whom alarms tell.</summary>
    public AlertOptions Alarms { get; init; } = new();

    /// <summary>A receiver of OTLP; null: nothing is sent to one.</summary>
    public OtlpOptions? Otlp { get; init; }

    /// <summary>Where intervals wait that could not be sent yet: a folder of this node's disk. Default <c>./.pipeline/telemetry</c>.</summary>
    public string SpoolLocation { get; init; } = "./.pipeline/telemetry";

    /// <summary>Bytes of intervals that wait, for each receiver; the oldest are given up for new ones. Default 64 MiB, 64 KiB to 64 GiB: a day or more of some thousand series.</summary>
    public long SpoolBytesMax { get; init; } = 64L << 20;

    /// <summary>How a receiver that is away is tried again. Default: from 1 s to 1 min, without an end; with one, an interval is given up then.</summary>
    public RetryPolicy Retry { get; init; } = new() { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromMinutes(1) };

    /// <summary>How often one that refuses, since somebody has to mend something, is tried again. Default: after 10 s, then less and less often, up to every 5 min.</summary>
    public RetryPolicy HaltRetry { get; init; } = new() { BackoffMin = TimeSpan.FromSeconds(10), BackoffMax = TimeSpan.FromMinutes(5) };

    /// <summary>Reads the section <c>telemetry</c>; problems go to the reader.</summary>
    public static TelemetryOptions Bind(SettingsReader settings)
    {
        var (defaults, spool, retry) = (new TelemetryOptions(), settings.Section("spool"), settings.Section("retry"));
        var options = new TelemetryOptions
        {
            Interval = settings.Duration("interval", defaults.Interval, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            CloudWatch = CloudWatchOptions.Bind(settings),
            Alarms = AlertOptions.Bind(settings.Section("alarms")),
            Otlp = OtlpOptions.Bind(settings),
            SpoolLocation = spool.String("location", defaults.SpoolLocation),
            SpoolBytesMax = spool.Bytes("bytes-max", defaults.SpoolBytesMax, 64L << 10, 64L << 30),
            HaltRetry = defaults.HaltRetry with
            {
                BackoffMin = retry.Duration("halted-min", defaults.HaltRetry.BackoffMin, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)),
                BackoffMax = retry.Duration("halted-max", defaults.HaltRetry.BackoffMax, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)),
            },
            Retry = RetrySettings.Bind(retry, defaults.Retry),
        };
        if (options.HaltRetry.BackoffMax < options.HaltRetry.BackoffMin) settings.Report("retry.halted-max", "is shorter than halted-min");
        spool.Complete();
        settings.Complete();
        return options;
    }
}
