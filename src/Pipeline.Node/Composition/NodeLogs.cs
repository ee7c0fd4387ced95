using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace Pipeline.Node.Composition;

/// <summary>Logs for the person on call: one line an event, on standard error, so that standard output holds only data.</summary>
internal static partial class NodeLogs
{
    private const string Template = "{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}";

    public static ILoggerFactory Create(TextWriter writer, LogLevel level) => new SerilogLoggerFactory(CreateLogger(writer, level), dispose: true);

    private static Logger CreateLogger(TextWriter writer, LogLevel level) => new LoggerConfiguration()
        .MinimumLevel.Is(LevelConvert.ToSerilogLevel(level))
        .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
        .Filter.ByExcluding(IsChatterOfAkka)
        .WriteTo.Sink(new WriterSink(writer, new MessageTemplateTextFormatter(Template)))
        .CreateLogger();

    /// <summary>
    /// Akka tells at Information how its own parts come and go: news only when something is wrong. Our actors are below
    /// <c>/user</c>, or are entities of a shard, three levels below <c>/system/sharding</c>.
    /// </summary>
    private static bool IsChatterOfAkka(LogEvent entry) =>
        entry.Level < LogEventLevel.Warning
        && entry.Properties.GetValueOrDefault("ActorPath") is ScalarValue { Value: string path }
        && !OurActorPath().IsMatch(path);

    [GeneratedRegex("^akka://[^/]+/(user/|system/sharding/[^/]+/[^/]+/[^/]+)")]
    private static partial Regex OurActorPath();

    private sealed class WriterSink(TextWriter writer, ITextFormatter formatter) : ILogEventSink
    {
        private readonly Lock _lock = new();

        public void Emit(LogEvent logEvent)
        {
            using var text = new StringWriter();
            formatter.Format(logEvent, text);
            lock (_lock) writer.Write(text.ToString());
        }
    }
}
