package dev.caisson.agent;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.Errno;
import dev.caisson.linux.HostFiles;
import dev.caisson.ttrpc.proto.guest.Interface;
import dev.caisson.ttrpc.proto.guest.Route;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** The machine's network cards: what the pod's interfaces were on the host they are here. */
final class Interfaces {
    private static final Path CLASS = Path.of("/sys/class/net");
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}");
    private static final Pattern ADDRESS = Pattern.compile("[0-9a-fA-F.:]+(/[0-9]+)?");
    private static final Pattern MAC = Pattern.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}");
    private static final String LOOPBACK = "lo";

    private Interfaces() {}

    /** Takes away what is none of these: a pod sees the interfaces that it has, however many cards its machine was made with. */
    static void keep(List<Interface> wanted) throws ContainerFault {
        List<String> names = wanted.stream().map(Interface::getName).toList();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(CLASS)) {
            for (Path each : all) {
                String name = each.getFileName().toString();
                Path device = each.resolve("device");
                if (!name.equals(LOOPBACK) && !names.contains(name) && Files.exists(device)) {
                    String driver = device.toRealPath().getFileName().toString();
                    HostFiles.write(device.resolve("driver/unbind").toString(), driver);
                }
            }
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "take away a network card: " + Errno.describe(e), e);
        }
    }

    static void setUp(Interface wanted) throws ContainerFault {
        require(NAME, wanted.getName());
        try {
            String found = named(wanted.getCard());
            if (!wanted.getCard().equals(wanted.getMac())) {
                require(MAC, wanted.getMac());
                ip("link", "set", "dev", found, "address", wanted.getMac());
            }
            if (!found.equals(wanted.getName())) {
                ip("link", "set", "dev", found, "name", wanted.getName());
            }
            String name = wanted.getName();
            ip("link", "set", "dev", name, "mtu", Integer.toString(wanted.getMtu()), "up");
            for (String address : wanted.getAddressesList()) {
                require(ADDRESS, address);
                ip("addr", "add", address, "dev", name);
            }
            for (Route route : wanted.getRoutesList()) {
                route(route, name);
            }
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "set up interface " + wanted.getName() + ": " + Errno.describe(e), e);
        }
    }

    /** An address brings its own network's route along: replacing does not mind. */
    private static void route(Route route, String name) throws ContainerFault, IOException {
        require(ADDRESS, route.getTarget());
        String version = route.getTarget().indexOf(':') >= 0 ? "-6" : "-4";
        List<String> words = new ArrayList<>(List.of(version, "route", "replace", route.getTarget()));
        if (!route.getGateway().isEmpty()) {
            require(ADDRESS, route.getGateway());
            words.addAll(List.of("via", route.getGateway()));
        }
        words.addAll(List.of("dev", name));
        ip(words.toArray(String[]::new));
    }

    private static void require(Pattern pattern, String text) throws ContainerFault {
        if (!pattern.matcher(text).matches()) {
            throw new ContainerFault(Kind.INVALID, "set up network: \"" + text + "\" is neither name nor address");
        }
    }

    private static String named(String mac) throws IOException {
        try (DirectoryStream<Path> all = Files.newDirectoryStream(CLASS)) {
            for (Path each : all) {
                String address = HostFiles.textIfPresent(each.resolve("address").toString());
                if (address != null && address.strip().equals(mac)) {
                    return each.getFileName().toString();
                }
            }
        }
        throw new IOException("there is no card with the address " + mac);
    }

    /** Busybox's. */
    private static void ip(String... words) throws IOException {
        List<String> command = new ArrayList<>(List.of("/bin/busybox", "ip"));
        command.addAll(List.of(words));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (process.waitFor() != 0) {
                throw new IOException(String.join(" ", command) + ": " + said.strip());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
