using Pipeline.Node.Cli;

using var interruption = new Interruption();
return await CommandLine.RunAsync(args, NodeContext.OfProcess(interruption));
