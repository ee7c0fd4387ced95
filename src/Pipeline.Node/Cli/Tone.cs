namespace Pipeline.Node.Cli;

/// <summary>How a piece of text stands out where there are colours. What it says is in its words too.</summary>
internal enum Tone
{
    Plain,
    Strong,
    Good,
    Bad,
}
