# Debian faust 2.54 -> C++ -> g++ -O3 -march=native -ffast-math; own driver below
import sys, subprocess, time, os
from common import *

work, mode = sys.argv[1], sys.argv[2]
bs = int(sys.argv[3])
flags = {"scalar": [], "vec": ["-vec", "-vs", "32", "-lv", "1"]}[mode]
D = TMP + "/faust"
os.makedirs(D, exist_ok=True)
exe = f"{D}/{work}_{mode}"
DRV = r"""
#include <cmath>
#include <cstring>
#include <cstdio>
#include <cstdlib>
#include <vector>
#include <algorithm>
#include <chrono>
#include <ctime>
#include <cstdint>
#include <xmmintrin.h>
#define FAUSTFLOAT float
struct Meta { void declare(const char*,const char*){} };
struct UI { void openTabBox(const char*){} void openHorizontalBox(const char*){} void openVerticalBox(const char*){} void closeBox(){} void declare(float*,const char*,const char*){}
 void addButton(const char*,float*){} void addHorizontalSlider(const char*,float*,float,float,float,float){} void addVerticalSlider(const char*,float*,float,float,float,float){} void addCheckButton(const char*,float*){} void addNumEntry(const char*,float*,float,float,float,float){} void addHorizontalBargraph(const char*,float*,float,float){} void addVerticalBargraph(const char*,float*,float,float){} };
struct dsp { virtual ~dsp(){} };
#include GEN
int main(int c,char**v){ int bs=atoi(v[1]); const int N=44100*60; _mm_setcsr(_mm_getcsr()|0x8040);
 auto T0=std::chrono::steady_clock::now(); mydsp* d=new mydsp; d->init(44100); std::vector<float> in(2*N),out(2*N);
 if(d->getNumInputs()==2){FILE*f=fopen(v[2],"rb"); if(f){ size_t r=fread(in.data(),4,2*N,f); (void)r; fclose(f);} }
 double best=1e9,cbest=1e9,first=0; for(int rep=0;rep<1;rep++){ d->instanceClear(); auto a=std::chrono::steady_clock::now(); clock_t ca=clock();
  for(int i=0;i<N;i+=bs){int n=std::min(bs,N-i); float* I[2]={&in[i],&in[N+i]}; float* O[2]={&out[i],&out[N+i]}; d->compute(n,I,O); if(i==0&&rep==0) first=std::chrono::duration<double>(std::chrono::steady_clock::now()-T0).count(); }
  double w=std::chrono::duration<double>(std::chrono::steady_clock::now()-a).count(); double cc=double(clock()-ca)/CLOCKS_PER_SEC; if(w<best){best=w;cbest=cc;} }
 double s=0,p=0; for(float x:out){s+=double(x)*x;p=std::max(p,(double)std::fabs(x));} printf("%.6f %.6f %.6f %.5f %.5f\n",best,cbest,first,p,std::sqrt(s/(2.0*N))); }
"""
t0 = time.perf_counter()
if not os.path.exists(exe):
    open(f"{D}/drv.cpp", "w").write(DRV)
    subprocess.run(["faust", *flags, "-lang", "cpp", "-o", f"{D}/{work}_{mode}.h", work + ".dsp"], check=True)
    subprocess.run(
        [
            "g++",
            "-O3",
            "-march=native",
            "-ffast-math",
            "-std=c++17",
            f'-DGEN="{D}/{work}_{mode}.h"',
            f"{D}/drv.cpp",
            "-o",
            exe,
        ],
        check=True,
    )
comp = time.perf_counter() - t0
o = subprocess.run([exe, str(bs), IN_RAW], capture_output=True, text=True, check=True).stdout.split()
report(
    f"faust2.54 c++ {mode} bs{bs}",
    work,
    comp,
    float(o[0]),
    float(o[1]),
    float(o[2]),
    np.array([float(o[3])]),
    rms2=float(o[4]),
    child_rss_mb=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
)
