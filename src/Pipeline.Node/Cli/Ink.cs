namespace Pipeline.Node.Cli;

/// <summary>Colours of a terminal, which are legible on a dark and on a light ground; or none.</summary>
internal sealed class Ink
{
    public static readonly Ink None = new(isOn: false);

    private readonly bool _isOn;

    private Ink(bool isOn) => _isOn = isOn;

    /// <summary>None in a pipe, in a terminal that knows none, and where <c>NO_COLOR</c> is set.</summary>
    public static Ink Of(NodeContext context) =>
        context.Screen is not null && string.IsNullOrEmpty(context.Environment("NO_COLOR")) && context.Environment("TERM") != "dumb" ? new Ink(isOn: true) : None;

    public string Paint(string text, Tone tone) => !_isOn || tone == Tone.Plain || text.Length == 0 ? text : $"\e[{Code(tone)}m{text}\e[0m";

    private static string Code(Tone tone) => tone switch
    {
        Tone.Good => "32",
        Tone.Bad => "1;31",
        _ => "1",
    };
}
